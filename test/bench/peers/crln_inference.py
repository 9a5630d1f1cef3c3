"""Sliding-window inference of a CRLN V-Net in PyTorch: the peer of `bench -- infer`.

Written as one writes it in PyTorch: the volume's probabilities are summed in one tensor. Reads a request as one line of
JSON, then measures one volume for each further line; answers a line each. The first answer says that it is warm.
"""
import itertools
import json
import resource
import sys
import time

import numpy as np
import torch
import torch.nn.functional as F

EPSILON = 1e-5
ENCODER = (1, 2, 3, 3, 3)


def load(path, channels_last):
    """A model container (safetensors, TensorFlow's layouts) as PyTorch's tensors."""
    with open(path, "rb") as file:
        length = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(length))
        data = file.read()
    weights = {}
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        begin, end = entry["data_offsets"]
        x = torch.from_numpy(np.frombuffer(data[begin:end], dtype="<f4").copy()).reshape(entry["shape"])
        if x.dim() == 5:
            x = x.permute(4, 3, 0, 1, 2).contiguous()
            x = x.to(memory_format=torch.channels_last_3d) if channels_last else x
        weights[name] = x
    return weights


class Crln:
    def __init__(self, weights, classes, width):
        self.w = weights
        self.classes = classes
        self.width = width

    def conv(self, name, x, **options):
        return F.conv3d(x, self.w[f"{name}.weight"], self.w.get(f"{name}.bias"), **options)

    def norm(self, name, x):
        w = self.w
        mean, variance = w[f"{name}.running_mean"], w[f"{name}.running_var"]
        return F.relu_(F.batch_norm(x, mean, variance, w[f"{name}.weight"], w[f"{name}.bias"], eps=EPSILON))

    def linear(self, name, x):
        weight = self.w[f"{name}.weight"].reshape(x.shape[-1], -1)
        return F.linear(x, weight.t(), self.w[f"{name}.bias"])

    def layer_norm(self, name, x):
        weight = self.w[f"{name}.weight"]
        return F.layer_norm(x, weight.shape, weight, self.w[f"{name}.bias"], EPSILON)

    def stage(self, name, x, depth):
        for i in range(depth):
            x = self.norm(f"{name}.{i}.norm", self.conv(f"{name}.{i}.conv", x, padding=1))
        return x

    def backbone(self, x):
        skips = []
        for i, depth in enumerate(ENCODER):
            x = self.stage(f"vnet.encoder.{i}", x, depth)
            if i < 4:
                skips.append(x)
                x = self.norm(f"vnet.down.{i}.norm", self.conv(f"vnet.down.{i}.conv", x, stride=2))
        levels = []
        for k in range(4):
            up = f"vnet.up.{k}"
            x = F.conv_transpose3d(x, self.w[f"{up}.conv.weight"], self.w[f"{up}.conv.bias"], stride=2)
            x = self.norm(f"{up}.norm", x) + skips.pop()
            x = self.stage(f"vnet.decoder.{k}", x, ENCODER[3 - k])
            levels.append(x)
        return self.conv("vnet.segment", x), levels[1:3]

    def level(self, name, prototypes, features):
        b, f = features.shape[:2]
        space = features.shape[2:]
        project = self.w[f"{name}.project.weight"].reshape(f, f)
        flat = features.flatten(2).transpose(1, 2)
        tokens = F.linear(flat, project, self.w[f"{name}.project.bias"])
        tokens = self.layer_norm(f"{name}.key_norm", self.layer_norm(f"{name}.token_norm", tokens))
        keys, values = self.linear(f"{name}.kv", tokens).split(f, dim=-1)
        queries = self.linear(f"{name}.q", self.layer_norm(f"{name}.query_norm", prototypes))
        proximity = queries @ keys.transpose(1, 2) * f**-0.5
        return proximity, values, space

    def attended(self, name, proximity, values):
        x = 2 * self.linear(f"{name}.out", proximity.softmax(-1) @ values)
        inner = self.linear(f"{name}.mlp_in", self.layer_norm(f"{name}.mlp_norm", x))
        return self.linear(f"{name}.to_next", x + self.linear(f"{name}.mlp_out", F.gelu(inner)))

    def cue(self, name, proximity, space):
        b, maps = proximity.shape[:2]
        r = maps // self.classes
        m = 2 * proximity
        m = (m + self.layer_norm(f"{name}.map_norm", m)).reshape(b * self.classes, r, *space)
        m = self.norm(f"{name}.depthwise_norm", self.conv(f"{name}.depthwise", m, padding=1, groups=r))
        m = self.norm(f"{name}.pointwise_norm", self.conv(f"{name}.pointwise", m))
        return self.conv(f"{name}.cue", m).reshape(b, self.classes, *space)

    def probabilities(self, x):
        """x [b, channels, h, w, d] -> rectified probabilities [b, C, h, w, d]."""
        logits, (coarse, fine) = self.backbone(x)
        prototypes = self.w["prototypes"].reshape(1, -1, 4 * self.width).expand(x.shape[0], -1, -1)
        proximity, values, _ = self.level("dim.0", prototypes, coarse)
        proximity, _, space = self.level("dim.1", self.attended("dim.0", proximity, values), fine)
        cue = self.cue("dim.1", proximity, space)
        relationship = F.relu(F.conv_transpose3d(cue, self.w["upsample.weight"], self.w["upsample.bias"], stride=2))
        return (logits + (1 - self.w["mu"]) * relationship).softmax(1)


def corners(size, patch, stride):
    room = size - patch
    return [i * stride for i in range(-(-room // stride))] + [room]


def predict(network, image, request):
    """image [x, y, z], no smaller than the patch -> probabilities [C, x, y, z]."""
    patch, batch = request["patch"], request["batch"]
    places = list(itertools.product(*map(corners, image.shape, patch, request["stride"])))
    sums = torch.zeros(network.classes, *image.shape)
    counts = torch.zeros(image.shape)
    for first in range(0, len(places), batch):
        boxes = [tuple(slice(c, c + p) for c, p in zip(place, patch)) for place in places[first : first + batch]]
        windows = torch.stack([image[box] for box in boxes])
        low, high = windows.amin((1, 2, 3), True), windows.amax((1, 2, 3), True)
        windows = ((windows - low) / (high - low))[:, None]
        if request["tuned"]:
            windows = windows.to(memory_format=torch.channels_last_3d)
        for box, probability in zip(boxes, network.probabilities(windows)):
            sums[(slice(None), *box)] += probability
            counts[box] += 1
    return sums / counts


def answer(**values):
    print(json.dumps(values), flush=True)


def main():
    request = json.loads(sys.stdin.readline())
    torch.set_num_threads(request["threads"])
    network = Crln(load(request["model"], request["tuned"]), request["classes"], request["width"])
    image = torch.from_numpy(np.fromfile(request["image"], dtype="<f4")).reshape(request["shape"])
    with torch.inference_mode():
        network.probabilities(image[tuple(slice(0, p) for p in request["patch"])][None, None])
        answer(ready=True, torch=torch.__version__)
        for line in sys.stdin:
            start, cpu = time.perf_counter(), time.process_time()
            result = predict(network, image, request)
            seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
            if line.strip():
                result.permute(1, 2, 3, 0).contiguous().numpy().tofile(line.strip())
            answer(seconds=seconds, cpuSeconds=cpu, peakBytes=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)


main()
