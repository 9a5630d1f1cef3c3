"""Volumes and augmentation of CRLN in numpy and scipy: the peer of `bench -- data`.

Written as one writes it for PyTorch's DataLoader. Each line is a task as JSON; each answer a line with its seconds.
"""
import gzip
import json
import sys
import time

import numpy as np
from scipy import ndimage

DTYPES = {2: "u1", 4: "i2", 8: "i4", 16: "f4", 64: "f8", 512: "u2"}


def read_nifti(path):
    with (gzip.open if path.endswith(".gz") else open)(path, "rb") as file:
        data = file.read()
    shape = np.frombuffer(data, "<i2", 8, 40)[1:4]
    spacing = np.frombuffer(data, "<f4", 8, 76)[1:4]
    offset, slope, intercept = (float(np.frombuffer(data, "<f4", 1, at)[0]) for at in (108, 112, 116))
    dtype = "<" + DTYPES[int(np.frombuffer(data, "<i2", 1, 70)[0])]
    voxels = np.frombuffer(data, dtype, int(np.prod(shape)), int(offset)).reshape(shape, order="F")
    return voxels.astype(np.float32) * (slope or 1) + intercept, spacing


def resampled(path, target):
    volume, spacing = read_nifti(path)
    return ndimage.zoom(volume, spacing / np.asarray(target), order=1)


def normalised(x):
    low, high = x.min(), x.max()
    return (x - low) / (high - low) if high > low else np.zeros_like(x)


def fitted(x, shape, fill):
    """Centre crop or pad in the plane; an image is reflected, other arrays are filled."""
    for axis in (0, 1):
        extra = x.shape[axis] - shape[axis]
        if extra > 0:
            x = np.take(x, range(extra // 2, extra // 2 + shape[axis]), axis)
        elif extra < 0:
            width = [(0, 0)] * 3
            width[axis] = (-extra // 2, -extra - (-extra // 2))
            x = np.pad(x, width, "reflect") if fill is None else np.pad(x, width, constant_values=fill)
    return x


def strong(images, labels, confidences, rng):
    """The strong views of a batch with its pseudo-labels: rescale, CutMix, intensity, noise, turn, min-max."""
    rescaled = []
    for arrays in zip(map(normalised, images), labels, confidences):
        scale = rng.uniform(0.5, 1.5)
        rescaled.append([
            fitted(ndimage.zoom(x, (scale, scale, 1), order=order), x.shape, fill)
            for x, order, fill in zip(arrays, (3, 0, 0), (None, -1, 0))
        ])
    out = []
    for b, arrays in enumerate(rescaled):
        other = rescaled[(b + 1) % len(rescaled)]
        side = np.sqrt(1 - rng.beta(4, 4))
        height, width = (round(n * side) for n in arrays[0].shape[:2])
        x, y = rng.integers(arrays[0].shape[0] - height + 1), rng.integers(arrays[0].shape[1] - width + 1)
        mixed = [array.copy() for array in arrays]
        for mine, theirs in zip(mixed, other):
            mine[x : x + height, y : y + width] = theirs[x : x + height, y : y + width]
        if rng.random() < 0.8:
            mixed[0] *= rng.uniform(0.75, 1.25)
        if rng.random() < 0.5:
            mixed[0] += np.clip(0.1 * rng.standard_normal(mixed[0].shape, dtype=np.float32), -0.2, 0.2)
        turns, axis = (rng.integers(4), rng.integers(2)) if rng.random() < 0.5 else (0, None)
        turned = [np.rot90(array, turns) for array in mixed]
        turned = turned if axis is None else [np.flip(array, axis) for array in turned]
        out.append([normalised(turned[0]), *map(np.ascontiguousarray, turned[1:])])
    return out


def labelled(image, label, rng):
    turns, axis = rng.integers(4), rng.integers(2)
    image, label = (np.ascontiguousarray(np.flip(np.rot90(x, turns), axis)) for x in (image, label))
    return normalised(image) * rng.uniform(0.75, 1.25), label


def augment(shape, repeats):
    rng = np.random.default_rng(0)
    images = rng.random((2, *shape), dtype=np.float32)
    labels, confidences = np.zeros((2, *shape), np.int32), np.ones((2, *shape), np.float32)
    times = {"strong": [], "labelled": []}
    for _ in range(repeats):
        start = time.perf_counter(), time.process_time()
        strong(images, labels, confidences, rng)
        times["strong"].append((time.perf_counter() - start[0], time.process_time() - start[1]))
        start = time.perf_counter(), time.process_time()
        for image, label in zip(images, labels):
            labelled(image, label, rng)
        times["labelled"].append((time.perf_counter() - start[0], time.process_time() - start[1]))
    # The batch has two patches.
    return {name: [min(column) / 2 for column in zip(*pairs)] for name, pairs in times.items()}


def main():
    for line in sys.stdin:
        task = json.loads(line)
        if task["what"] == "volume":
            start, cpu = time.perf_counter(), time.process_time()
            resampled(task["path"], task["spacing"])
            answer = {"seconds": time.perf_counter() - start, "cpuSeconds": time.process_time() - cpu}
        elif task["what"] == "augment":
            answer = augment(task["shape"], task["repeats"])
        else:
            answer = {"ready": True}
        print(json.dumps(answer), flush=True)


main()
