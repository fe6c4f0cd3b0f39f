// Prints the archive of the engine's objects that set-up has compiled from these very sources, for a C++ build that shall not
// compile them again (-DSER_ENGINE_ARCHIVE=FILE); nothing where there is none.
//   node scripts/shared-objects.mjs   (after npm run build)
import { cacheRoot } from '../dist/runtime/cache.js';
import { findLibTorch } from '../dist/runtime/libtorch.js';
import { findObjects } from '../dist/runtime/objects.js';
import { findCompiler } from '../dist/runtime/toolchain.js';

const libtorch = await findLibTorch(cacheRoot(), 'cpu');
if (libtorch !== undefined) {
  const compiler = await findCompiler();
  const { file } = await findObjects(cacheRoot(), libtorch, compiler?.text ?? '');
  if (file !== undefined) console.log(file);
}
