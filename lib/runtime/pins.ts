/**
 * The releases of LibTorch that the addon is built against, and the digests of what set-up may fetch. PyTorch's wheels are the
 * source: pip checks them, and every package mirror serves them. The CPython tag does not matter to LibTorch; one is fixed so
 * that a release has one digest a platform, whatever Python a machine has.
 */

import { RuntimeError } from '../errors.js';

export interface Wheel {
  /** Requirement without the version, e.g. `torch`. */
  name: string;
  version: string;
  sha256: string;
  /** About; the real length is not pinned. */
  bytes: number;
}

export interface LibTorchPin {
  version: string;
  torch: Wheel;
  /** Libraries that a CUDA build of libtorch_cpu names as needed, to lie beside it. */
  companions: Wheel[];
}

/** Compiles and is tested against; anything outside is refused. */
export const OLDEST_LIBTORCH = '2.11';
export const NEWEST_LIBTORCH = '2.15';

/** Fetched unless told otherwise: of the releases measured the fastest in bf16 and no slower in fp32; see docs/performance.md. */
export const DEFAULT_LIBTORCH = '2.11.0';

/** CPython version whose wheels the digests belong to. */
export const WHEEL_PYTHON = '3.12';
export const WHEEL_ABI = 'cp312';

/** PyTorch's own index, the one place of its CPU-only Linux wheels. */
export const CPU_WHEEL_INDEX = 'https://download.pytorch.org/whl/cpu';
export const CPU_WHEEL_BYTES = 190e6;

export type WheelPlatform = 'linux-x64' | 'linux-arm64' | 'darwin-arm64' | 'win32-x64';

/** Platform tags for pip, most specific first; pip expands none by itself when told a platform. */
const GLIBC_TAGS = [
  'manylinux_2_28',
  'manylinux_2_27',
  'manylinux_2_26',
  'manylinux_2_25',
  'manylinux_2_24',
  'manylinux_2_17',
  'manylinux2014',
];
export const WHEEL_TAGS: Record<WheelPlatform, string[]> = {
  'linux-x64': GLIBC_TAGS.map((tag) => `${tag}_x86_64`),
  'linux-arm64': GLIBC_TAGS.map((tag) => `${tag}_aarch64`),
  'darwin-arm64': ['macosx_14_0_arm64', 'macosx_11_0_arm64'],
  'win32-x64': ['win_amd64'],
};

/** glibc that manylinux_2_28 wheels need. */
export const MIN_GLIBC = '2.28';

const TORCH: Record<string, Partial<Record<WheelPlatform, [sha256: string, bytes: number]>>> = {
  '2.11.0': {
    'linux-x64': ['0f68f4ac6d95d12e896c3b7a912b5871619542ec54d3649cf48cc1edd4dd2756', 530.7e6],
    'linux-arm64': ['f99924682ef0aa6a4ab3b1b76f40dc6e273fca09f367d15a524266db100a723f', 420e6],
    'darwin-arm64': ['4b5866312ee6e52ea625cd211dcb97d6a2cdc1131a5f15cc0d87eec948f6dd34', 85e6],
    'win32-x64': ['fbf39280699d1b869f55eac536deceaa1b60bd6788ba74f399cc67e60a5fab10', 114.6e6],
  },
  '2.12.0': {
    'linux-x64': ['4b4f64c2c2b11f7510d93dd6412b87025ff6eddd6bb61c3b5a3d892ea20c4756', 530e6],
    'linux-arm64': ['8fbef9f108a863e7722a73740998967e3b074742a834fc5be3a535a2befa7057', 420e6],
  },
  '2.13.0': {
    'linux-x64': ['796633c4cdf0fe2cdced72d8f88f22e73dbcfce83132763162f6d4bff13b820b', 526.6e6],
    'linux-arm64': ['572df8be8ffb4599c88cbd6a0726f1f854f4da65d2e3c09f0e2c2283333cd6d4', 420e6],
    'darwin-arm64': ['2fe228aba290d14b9f31b049be550dbd469c3fd3013d7a19705b30454da97027', 85e6],
    'win32-x64': ['024c6cc0c1b085f2f91f20a3dc27b0471d021c31ce84b81be3afdc39f791fd9d', 120e6],
  },
  '2.14.0': {
    'linux-x64': ['fecffb58f51fd643d213acd68da21cc3fc19bea05a3bc64b4ee55128f47a4963', 530e6],
    'linux-arm64': ['ada340e62591d06a2bcc2d68170f20f45f0b0665d372dc510a8ed7eb3b1d609a', 420e6],
  },
  '2.14.1': {
    'linux-x64': ['23011fe29a99b591eabb3a31a25080c62e2c2f0690a3c798744e5489dae50451', 530e6],
    'linux-arm64': ['0b13acde294b401509830d85a8906cbf2fc97425a12a66cce1d9fa13c5106a2a', 420e6],
  },
  '2.15.0': {
    'linux-x64': ['6d8c86f4e33a9f12a58149bd9b0d64351632b8eb44479be8ff85e5389932dd79', 539.2e6],
    'linux-arm64': ['9e51cf9460c5441dcd2a4f31ece207e35ea7c3d2535be0f929cca4944e2eeb18', 420e6],
    'darwin-arm64': ['593e5fd0c204284890d1c3dff643be34e549e1d24523e13402510f960d4da438', 85e6],
  },
};

const COMPANIONS: Partial<Record<WheelPlatform, Wheel[]>> = {
  'linux-x64': [
    {
      name: 'nvidia-cuda-runtime',
      version: '13.0.96',
      sha256: '7f82250d7782aa23b6cfe765ecc7db554bd3c2870c43f3d1821f1d18aebf0548',
      bytes: 2.2e6,
    },
    {
      name: 'nvidia-cuda-cupti',
      version: '13.0.85',
      sha256: '4eb01c08e859bf924d222250d2e8f8b8ff6d3db4721288cf35d14252a4d933c8',
      bytes: 10.7e6,
    },
  ],
  'linux-arm64': [
    {
      name: 'nvidia-cuda-runtime',
      version: '13.0.96',
      sha256: 'ef9bcbe90493a2b9d810e43d249adb3d02e98dd30200d86607d8d02687c43f55',
      bytes: 2.2e6,
    },
    {
      name: 'nvidia-cuda-cupti',
      version: '13.0.85',
      sha256: '796bd679890ee55fb14a94629b698b6db54bcfd833d391d5e94017dd9d7d3151',
      bytes: 10.7e6,
    },
  ],
};

export interface NvidiaPin {
  sha256: string;
  bytes: number;
}

/** Of the packages that the CUDA build of the default release names; those of other releases are pip's to check. */
const NVIDIA: Partial<Record<WheelPlatform, Record<string, [sha256: string, bytes: number]>>> = {
  'linux-x64': {
    'nvidia-cublas 13.1.0.3': ['ee8722c1f0145ab246bccb9e452153b5e0515fd094c3678df50b2a0888b8b171', 423.1e6],
    'nvidia-cuda-nvrtc 13.0.88': ['ad9b6d2ead2435f11cbb6868809d2adeeee302e9bb94bcf0539c7a40d80e8575', 90.2e6],
    'nvidia-cudnn-cu13 9.19.0.56': [
      'd20e1734305e9d68889a96e3f35094d733ff1f83932ebe462753973e53a572bf',
      366.1e6,
    ],
    'nvidia-cufft 12.0.0.61': ['6c44f692dce8fd5ffd3e3df134b6cdb9c2f72d99cf40b62c32dde45eea9ddad3', 214.1e6],
    'nvidia-cufile 1.15.1.6': ['08a3ecefae5a01c7f5117351c64f17c7c62efa5fffdbe24fc7d298da19cd0b44', 1.2e6],
    'nvidia-curand 10.4.0.35': ['1aee33a5da6e1db083fe2b90082def8915f30f3248d5896bcec36a579d941bfc', 59.5e6],
    'nvidia-cusolver 12.0.4.66': [
      '0a759da5dea5c0ea10fd307de75cdeb59e7ea4fcb8add0924859b944babf1112',
      200.9e6,
    ],
    'nvidia-cusparse 12.6.3.3': ['2b3c89c88d01ee0e477cb7f82ef60a11a4bcd57b6b87c33f789350b59759360b', 145.9e6],
    'nvidia-cusparselt-cu13 0.8.0': [
      '25e30a8a7323935d4ad0340b95a0b69926eee755767e8e0b1cf8dd85b197d3fd',
      169.9e6,
    ],
    'nvidia-nvjitlink 13.0.88': ['13a74f429e23b921c1109976abefacc69835f2f433ebd323d3946e11d804e47b', 40.7e6],
    'nvidia-nvshmem-cu13 3.4.5': ['290f0a2ee94c9f3687a02502f3b9299a9f9fe826e6d0287ee18482e78d495b80', 60.4e6],
    'nvidia-nvtx 13.0.85': ['4936d1d6780fbe68db454f5e72a42ff64d1fd6397df9f363ae786930fd5c1cd4', 0.15e6],
  },
};

/** All of these together, about, as downloaded and as unpacked. */
export const NVIDIA_BYTES = 2.1e9;
export const NVIDIA_UNPACKED_BYTES = 2.9e9;

/** The digest of an NVIDIA package, where it is pinned. */
export function nvidiaPin(
  name: string,
  version: string,
  platform: WheelPlatform | undefined = wheelPlatform(),
): NvidiaPin | undefined {
  if (platform === undefined) return undefined;
  const found = NVIDIA[platform]?.[`${name} ${version}`];
  if (found !== undefined) return { sha256: found[0], bytes: found[1] };
  return COMPANIONS[platform]?.find((wheel) => wheel.name === name && wheel.version === version);
}

/** The platform's key, or undefined where PyTorch publishes no wheel. */
export function wheelPlatform(
  platform: string = process.platform,
  arch: string = process.arch,
): WheelPlatform | undefined {
  const key = `${platform}-${arch}`;
  return key in WHEEL_TAGS ? (key as WheelPlatform) : undefined;
}

export function pinnedVersions(): string[] {
  return Object.keys(TORCH);
}

/** What to fetch for a release on a platform; throws where it is not pinned. */
export function pinFor(version: string, platform: WheelPlatform | undefined): LibTorchPin {
  const wheel = platform === undefined ? undefined : TORCH[version]?.[platform];
  if (platform === undefined || wheel === undefined) {
    throw new RuntimeError(`No LibTorch ${version} is pinned for ${process.platform}-${process.arch}.`, {
      code: 'E_NO_PIN',
      cure: `Pass a folder, wheel or zip of LibTorch ${OLDEST_LIBTORCH} to ${NEWEST_LIBTORCH}: \`npx ser-native setup --from PATH\`.`,
    });
  }
  const [sha256, bytes] = wheel;
  return {
    version,
    torch: { name: 'torch', version, sha256, bytes },
    companions: COMPANIONS[platform] ?? [],
  };
}

/** All digests that are trusted without `--sha256`. */
export function isPinnedDigest(sha256: string): boolean {
  const torch = Object.values(TORCH).flatMap((wheels) => Object.values(wheels).map(([digest]) => digest));
  const companions = Object.values(COMPANIONS).flatMap((wheels) => wheels.map((wheel) => wheel.sha256));
  return torch.includes(sha256) || companions.includes(sha256);
}

/** Whether the addon can be compiled against this release, e.g. `2.13.0` or `2.13.0+cpu`. */
export function isSupported(version: string): boolean {
  const [major, minor] = version.split('.').map(Number);
  const number = (major ?? 0) * 1000 + (minor ?? 0);
  const bound = (text: string): number => {
    const [a, b] = text.split('.').map(Number);
    return (a ?? 0) * 1000 + (b ?? 0);
  };
  return number >= bound(OLDEST_LIBTORCH) && number <= bound(NEWEST_LIBTORCH);
}
