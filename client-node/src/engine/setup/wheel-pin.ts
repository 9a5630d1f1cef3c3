/** One exact file of TensorFlow that the addon is built against; its digest is checked before anything is read from it. */
export interface WheelPin {
  readonly distribution: string;
  readonly version: string;
  readonly sha256: string;
  /** Tags pip is asked for, whatever Python runs it: no Python code of the wheel is ever executed. */
  readonly python: string;
  readonly platform: string;
  readonly bytes: number;
  /** Size of the libraries as unpacked, and after `strip`. */
  readonly unpackedBytes: number;
  readonly strippedBytes: number;
}

export const TENSORFLOW_WHEEL: WheelPin = {
  distribution: 'tensorflow-cpu',
  version: '2.21.0',
  sha256: '2b847d217b02ee7731ed91431daf3250daa0196c3c94614d23be27232e6e5b6c',
  python: '3.11',
  platform: 'manylinux_2_27_x86_64',
  bytes: 273_500_000,
  unpackedBytes: 853_308_936,
  strippedBytes: 634_000_000,
};

export const LIBRARIES = ['libtensorflow_cc.so.2', 'libtensorflow_framework.so.2'] as const;

/** Link name -> library. The names with a version are those that the stock addon of tfjs-node was linked against. */
export const LIBRARY_LINKS: Readonly<Record<string, string>> = {
  'libtensorflow.so': 'libtensorflow_cc.so.2',
  'libtensorflow.so.2': 'libtensorflow_cc.so.2',
  'libtensorflow_framework.so': 'libtensorflow_framework.so.2',
};

/** The headers that `tensorflow/c/eager/c_api.h` reaches, below `tensorflow/include` of the wheel. */
export const HEADERS = [
  'tensorflow/c/c_api.h',
  'tensorflow/c/c_api_macros.h',
  'tensorflow/c/eager/c_api.h',
  'tensorflow/c/tf_attrtype.h',
  'tensorflow/c/tf_buffer.h',
  'tensorflow/c/tf_datatype.h',
  'tensorflow/c/tf_status.h',
  'tensorflow/c/tf_tensor.h',
  'tensorflow/c/tf_tstring.h',
  'tensorflow/core/platform/ctstring.h',
  'tensorflow/core/platform/ctstring_internal.h',
  'tsl/platform/ctstring.h',
  'tsl/platform/ctstring_internal.h',
  'xla/tsl/c/tsl_status.h',
] as const;
