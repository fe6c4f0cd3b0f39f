/** The four losses. */
import type { Floats, LossWeights, MultiLossResult } from '../../bindings.js';
import {
  argumentError,
  checkFloats,
  checkInteger,
  checkObject,
  checkSize,
  typeName,
} from './op-arguments.js';
import { type OpOptions, withEngine } from './op-engine.js';

/** Shapes: B utterances, C classes, embeddings of E. All float arrays are of one type, which decides the precision. */
export interface MultiLossArguments<T extends Floats = Floats> {
  /** B x C. */
  logits: T;
  /** e, B x E. */
  embedding: T;
  /** Context-broadcast embedding for SupCon, before L2 normalisation, B x E. */
  contrast: T;
  /** Soft labels whose rows sum to 1, B x C; or the class of each utterance as Int32Array, B. */
  labels: T | Int32Array;
  /** Class centers, C x E. */
  centers: T;
  /** Weight of each class in KL and focal, C: a row counts by the sum of its label times these. Default: ones. */
  classWeights?: T;
  /** a_k of the total; absent ones are 1, 0 switches a loss off. */
  weights?: Partial<LossWeights>;
  /** Class of each base utterance, which wins a tie of its soft label. Default: the first class of the largest label. */
  baseClasses?: Int32Array;
  /** Focal exponent. Default 2. */
  gamma?: number;
  /** SupCon temperature. Default 0.1. */
  temperature?: number;
}

/**
 * KL, focal, center and SupCon losses of one batch and the gradients of their weighted sum (Wang et al., arXiv 2512.04551;
 * SupCon in the "out" form of Khosla et al. 2020). Each is scaled before it is weighted: KL / ln C, focal / ln C,
 * center / (1 + center), SupCon / ln(B - 1) (ours).
 *
 * @throws UsageError (`E_ARGUMENT`) that names the argument
 */
export async function multiLoss<T extends Floats>(
  request: MultiLossArguments<T>,
  options: OpOptions = {},
): Promise<MultiLossResult> {
  checkObject('the argument of multiLoss', request);
  const { logits, embedding, contrast, centers, classWeights, gamma = 2, temperature = 0.1 } = request;
  checkFloats({ logits, embedding, contrast, centers, ...(classWeights ? { classWeights } : {}) });
  const shape = shapeOf(logits, embedding, centers);
  checkSize('contrast', contrast, 'B x E', shape.batch * shape.width);
  if (classWeights) checkSize('classWeights', classWeights, 'C', shape.classes);
  const labels = softLabels(request.labels, logits, shape);
  const baseClasses = request.baseClasses ?? firstLargest(labels, shape);
  if (typeName(baseClasses) !== 'Int32Array')
    throw argumentError('baseClasses', 'an Int32Array', baseClasses);
  checkSize('baseClasses', baseClasses, 'B', shape.batch);
  const weights = lossWeights(request.weights);
  return withEngine(options, (engine) =>
    engine.multiLoss(
      {
        ...{ logits, embedding, contrast, labels, baseClasses, centers, weights, gamma, temperature },
        ...(classWeights ? { classWeights } : {}),
      },
      options,
    ),
  );
}

interface Shape {
  batch: number;
  classes: number;
  width: number;
}

/** The three products BC, BE and CE determine B, C and E. */
function shapeOf(logits: Floats, embedding: Floats, centers: Floats): Shape {
  const batch = Math.round(Math.sqrt((logits.length * embedding.length) / centers.length));
  const classes = logits.length / batch;
  const width = embedding.length / batch;
  if (
    !(
      batch >= 1 &&
      classes >= 2 &&
      width >= 1 &&
      Number.isInteger(classes) &&
      classes * width === centers.length
    )
  ) {
    throw argumentError(
      'logits, embedding and centers',
      'of B x C, B x E and C x E elements with B of at least 1 and C of at least 2',
      [logits, embedding, centers].map((array) => array.length).join(', '),
    );
  }
  return { batch, classes, width };
}

function softLabels(labels: Floats | Int32Array, like: Floats, { batch, classes }: Shape): Floats {
  if (typeName(labels) === 'Int32Array') {
    checkSize('labels', labels, 'B', batch);
    const hot =
      typeName(like) === 'Float64Array' ? new Float64Array(like.length) : new Float32Array(like.length);
    labels.forEach((label, row) => {
      checkInteger(`labels[${row}]`, label, 0, classes - 1);
      hot[row * classes + label] = 1;
    });
    return hot;
  }
  if (typeName(labels) !== typeName(like)) {
    throw argumentError('labels', `an Int32Array of classes or a ${typeName(like)}, as logits is`, labels);
  }
  checkSize('labels', labels, 'B x C', batch * classes);
  return labels as Floats;
}

function firstLargest(labels: Floats, { batch, classes }: Shape): Int32Array {
  return Int32Array.from({ length: batch }, (_, row) => {
    let best = 0;
    for (let index = 1; index < classes; index++) {
      if (labels[row * classes + index]! > labels[row * classes + best]!) best = index;
    }
    return best;
  });
}

function lossWeights(weights: Partial<LossWeights> = {}): LossWeights {
  checkObject('weights', weights);
  const unknown = Object.keys(weights).find((name) => !['kl', 'focal', 'center', 'supcon'].includes(name));
  if (unknown) throw argumentError('weights', 'of kl, focal, center and supcon', unknown);
  const { kl = 1, focal = 1, center = 1, supcon = 1 } = weights;
  return { kl, focal, center, supcon };
}
