/** The build of the addon and the devices it finds. Part of the contract that bindings.d.ts states, whose rules and letters hold here. */

export interface BuildInfo {
  /** Version of this contract; the TypeScript side refuses another. */
  api: number;
  /** LibTorch that the addon was compiled against, e.g. `2.13.0`. */
  libtorch: string;
  /** LibTorch's CPU capability on this machine, e.g. `AVX512`. */
  capability: string;
  compiler: string;
  /** Compiled with CUDA kernels. */
  cuda: boolean;
}

/** GPUs as the CUDA runtime sees them; empty, with the reason, where there is no driver or the build has no CUDA. */
export interface CudaReport {
  /** CUDA version that the driver supports, 1000 x major + 10 x minor; 0 = no driver. */
  driver: number;
  /** Version of the CUDA runtime in use; 0 in a build without CUDA. */
  runtime: number;
  /** Compute capabilities that kernels are compiled for, in tenths, e.g. `90`; the last one also as PTX. */
  architectures: string[];
  devices: CudaDevice[];
  /** `index` of the device that an engine uses: the first that this build has code for. */
  chosen?: number;
  /** Why none is chosen, a sentence without its full stop. */
  problem?: string;
}

export interface CudaDevice {
  /** Among those that `CUDA_VISIBLE_DEVICES` leaves. */
  index: number;
  name: string;
  /** Compute capability, e.g. `9.0`. */
  capability: string;
  memoryBytes: number;
  /** This build has code for it. */
  hasCode: boolean;
}

export interface StartOptions {
  /** Intra-op threads; process-wide in LibTorch, so only the first env's value counts. */
  threads: number;
  /** `cuda` is the device that `cudaDevices` names as chosen; without one the engine does not start (`E_DEVICE`). */
  device: 'cpu' | 'cuda';
  /** Refuse operations that are not bit-reproducible. */
  deterministic: boolean;
}
