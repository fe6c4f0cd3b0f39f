/** The folder of an ablation: finished cells, cells under way, and who works on which. */
import { mkdir, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { DataError, hasCode } from '../errors.js';
import { type Claim, isLocked, tryLock } from '../runtime/lock.js';
import { writeTextAtomically } from '../train/atomic-file.js';
import { type AblationFile, type Cell, type CellFile, cellName } from './types.js';

export class CellFolder {
  readonly path: string;

  constructor(path: string) {
    this.path = resolve(path);
  }

  /** Makes the folder and its parts. */
  async create(): Promise<void> {
    for (const part of ['cells', 'work']) {
      await mkdir(join(this.path, part), { recursive: true }).catch((error: unknown) => {
        throw new DataError(`the folder ${this.path} cannot be made: ${(error as Error).message}`, {
          code: 'E_RUN_FOLDER',
          cure: 'Name a folder you may write to with --out.',
          cause: error,
        });
      });
    }
  }

  /** `ablation.json`, or null where there is none yet. */
  async readSettings(): Promise<AblationFile | null> {
    const path = join(this.path, 'ablation.json');
    let parsed: AblationFile;
    try {
      parsed = JSON.parse(await readFile(path, 'utf8')) as AblationFile;
    } catch (error) {
      if (hasCode(error, 'ENOENT')) return null;
      throw new DataError(`${path} cannot be read: ${(error as Error).message}`, {
        code: 'E_ABLATION',
        cure: 'Delete it to have it written anew from the settings that you give; cells are kept.',
        cause: error,
      });
    }
    if (parsed.schema === 'ser-native/ablation@1') return parsed;
    throw new DataError(
      `${path} has the schema ${String(parsed.schema)}, this version reads ser-native/ablation@1`,
      { code: 'E_ABLATION', cure: 'Name another folder with --out.' },
    );
  }

  writeSettings(file: AblationFile): Promise<void> {
    return writeTextAtomically(join(this.path, 'ablation.json'), `${JSON.stringify(file, null, 2)}\n`);
  }

  /**
   * A finished cell, or null.
   *
   * @param onBad hears of a file that was cut off on its way here; the cell then counts as not finished
   */
  async read(cell: Cell, onBad: (message: string) => void): Promise<CellFile | null> {
    const path = this.#file(cell);
    try {
      const parsed = JSON.parse(await readFile(path, 'utf8')) as CellFile;
      if (parsed.schema === 'ser-native/ablation-cell@1') return parsed;
      onBad(`${path} has the schema ${String(parsed.schema)}, which this version does not read`);
      return null;
    } catch (error) {
      if (hasCode(error, 'ENOENT')) return null;
      if (!(error instanceof SyntaxError)) throw error;
      onBad(`${path} is damaged (${error.message}); the cell is not counted`);
      return null;
    }
  }

  async write(file: CellFile): Promise<void> {
    await writeTextAtomically(this.#file(file), `${JSON.stringify(file)}\n`);
  }

  /** Where a cell keeps its checkpoints while it is trained. */
  workDirectory(cell: Cell): string {
    return join(this.path, 'work', cellName(cell));
  }

  /** Whether training of the cell was begun and has left something to go on from. */
  async hasBegun(cell: Cell): Promise<boolean> {
    const names = await readdir(this.workDirectory(cell)).catch(() => []);
    return names.some((name) => /^last-\d+\.json$/.test(name));
  }

  /** Takes the cell for this process, or says which other one has it. */
  claim(cell: Cell): Promise<Claim> {
    return tryLock(this.#lock(cell));
  }

  /** Whether a process that is alive works on the cell. */
  isClaimed(cell: Cell): Promise<boolean> {
    return isLocked(this.#lock(cell));
  }

  /** Moves the cell's model to `models`. */
  async keepModel(cell: Cell): Promise<void> {
    await mkdir(join(this.path, 'models'), { recursive: true });
    const target = join(this.path, 'models', `${cellName(cell)}.safetensors`);
    await rename(join(this.workDirectory(cell), 'best.safetensors'), target).catch((error: unknown) => {
      // Killed between the move and the end of the cell, it lies there already.
      if (!hasCode(error, 'ENOENT')) throw error;
    });
  }

  async clearWork(cell: Cell): Promise<void> {
    await rm(this.workDirectory(cell), { recursive: true, force: true });
  }

  #lock(cell: Cell): string {
    return join(this.path, 'work', `${cellName(cell)}.lock`);
  }

  #file(cell: Cell): string {
    return join(this.path, 'cells', `${cellName(cell)}.json`);
  }
}
