/** Of activations and convolutions; weights, moments, losses and the optimiser are float32 in both. */
export type Precision = 'float32' | 'bf16';
