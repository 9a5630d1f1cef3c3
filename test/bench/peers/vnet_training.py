"""A V-Net training step in PyTorch: the peer of `bench -- train`.

The same network, heads, loss and optimiser as ours. Reads a request as one line of JSON, then measures one step for each
further line; answers a line each. The first answer says that it is warm. `tuned`: channels-last memory.
"""
import contextlib
import json
import resource
import sys
import time

import torch
import torch.nn.functional as F
from torch import nn

DEPTHS = (1, 2, 3, 3, 3)
CLASSES, PROTOTYPES = 2, 16


def unit(convolution, channels):
    return nn.Sequential(convolution, nn.BatchNorm3d(channels), nn.ReLU(inplace=True))


def stage(depth, inputs, outputs):
    sizes = [inputs] + [outputs] * (depth - 1)
    return nn.Sequential(*(unit(nn.Conv3d(size, outputs, 3, padding=1), outputs) for size in sizes))


class VNet(nn.Module):
    def __init__(self, width):
        super().__init__()
        c = [width * 2**i for i in range(5)]
        self.encoder = nn.ModuleList(stage(depth, 1 if i == 0 else c[i], c[i]) for i, depth in enumerate(DEPTHS))
        self.down = nn.ModuleList(unit(nn.Conv3d(c[i], c[i + 1], 2, stride=2), c[i + 1]) for i in range(4))
        self.up = nn.ModuleList(
            unit(nn.ConvTranspose3d(c[i + 1], c[i], 2, stride=2), c[i]) for i in reversed(range(4))
        )
        self.decoder = nn.ModuleList(stage(DEPTHS[i], c[i], c[i]) for i in reversed(range(4)))
        self.segment = nn.Conv3d(width, CLASSES, 1)
        self.represent = nn.Sequential(
            unit(nn.Conv3d(width, width, 3, padding=1, bias=False), width), nn.Conv3d(width, PROTOTYPES, 1)
        )

    def forward(self, x):
        skips = []
        for i in range(4):
            x = self.encoder[i](x)
            skips.append(x)
            x = self.down[i](x)
        x = self.encoder[4](x)
        for up, decoder in zip(self.up, self.decoder):
            x = decoder(up(x) + skips.pop())
        return self.segment(x), self.represent(x)


def loss_of(logits, representation, label):
    own = torch.softmax(logits, 1)[:, 1]
    truth = label.float()
    dice = 1 - (2 * (own * truth).sum() + 1e-5) / ((own * own).sum() + (truth * truth).sum() + 1e-5)
    return 0.5 * (F.cross_entropy(logits, label) + dice) + representation.mean()


def answer(**values):
    print(json.dumps(values), flush=True)


def main():
    request = json.loads(sys.stdin.readline())
    torch.set_num_threads(request["threads"])
    torch.manual_seed(1)
    device = "cuda" if request["device"] == "gpu" else "cpu"
    network = VNet(request["width"]).to(device)
    label = (torch.randn(request["batch"], *request["patch"], device=device) > 0.5).long()
    image = label[:, None].float() + 0.2 * torch.randn(label[:, None].shape, device=device)
    if request["tuned"]:
        network = network.to(memory_format=torch.channels_last_3d)
        image = image.to(memory_format=torch.channels_last_3d)
    optimiser = torch.optim.SGD(network.parameters(), lr=0.01, momentum=0.9, nesterov=True, weight_decay=5e-4)
    is_mixed = request["precision"] == "bf16"

    def step():
        optimiser.zero_grad()
        with torch.autocast(device, dtype=torch.bfloat16) if is_mixed else contextlib.nullcontext():
            logits, representation = network(image)
        loss = loss_of(logits.float(), representation.float(), label)
        loss.backward()
        optimiser.step()
        return loss.item()

    step()
    answer(ready=True, torch=torch.__version__)
    for _ in sys.stdin:
        start, cpu = time.perf_counter(), time.process_time()
        step()
        seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
        answer(seconds=seconds, cpuSeconds=cpu, peakBytes=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)


main()
