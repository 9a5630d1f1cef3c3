"""Writes the small reference files of this folder: a CRLN step computed by PyTorch in double precision.

To stay small, inputs are kept as float16 or int8 (and are such values), and of a long result only every n-th value.

usage: python make-golden.py   (needs torch and safetensors; run in this folder)

The network is written as functions of a dictionary of tensors, so that names, shapes and figures do not lean on
torch.nn. One evaluation-mode pass and two training steps with every random choice stored in the file.
"""
import json
import torch
import torch.nn.functional as F
from safetensors.torch import save_file

torch.set_default_dtype(torch.float64)
MOMENTUM, LR, DECAY = 0.9, 2.5e-3, 5e-4
CONFIG = dict(lr=LR, weight_decay=DECAY, momentum=MOMENTUM, ema=0.99, strong=0.5, cps_mask=0.4, xi=0.6, temperature=0.5)
QUERIES, NEGATIVES = 8, 12
KEPT = 32  # values of a parameter's gradient or end value
KEPT_VOXELS = 2048  # values of a forward pass
DEPTHS = (1, 2, 3, 3, 3)


class Net:
    """Tensors by name, and what a forward pass needs to know: `training` moves the running moments."""

    def __init__(self, config, tensors):
        self.config, self.t, self.training = config, tensors, True

    def conv(self, name, x, **options):
        return F.conv3d(x, self.t[f"{name}.weight"], self.t.get(f"{name}.bias"), **options)

    def linear(self, name, x):
        return F.linear(x, self.t[f"{name}.weight"], self.t[f"{name}.bias"])

    def layer_norm(self, name, x):
        return F.layer_norm(x, x.shape[-1:], self.t[f"{name}.weight"], self.t[f"{name}.bias"])

    def norm_relu(self, name, x):
        moments = self.t[f"{name}.running_mean"], self.t[f"{name}.running_var"]
        return F.relu(F.batch_norm(x, *moments, self.t[f"{name}.weight"], self.t[f"{name}.bias"], self.training, 0.1))

    # Backbones: logits, representation, decoder features at 1/4 and 1/2 resolution

    def heads(self, kind, x, levels):
        hidden = self.norm_relu(f"{kind}.represent.norm", self.conv(f"{kind}.represent.conv", x, padding=1))
        return self.conv(f"{kind}.segment", x), self.conv(f"{kind}.represent.out", hidden), levels[1:3]

    def vnet(self, x):
        unit = lambda name, x: self.norm_relu(f"{name}.norm", self.conv(f"{name}.conv", x, padding=1))
        skips, levels = [], []
        for i, depth in enumerate(DEPTHS):
            for j in range(depth):
                x = unit(f"vnet.encoder.{i}.{j}", x)
            if i < 4:
                skips.append(x)
                x = self.norm_relu(f"vnet.down.{i}.norm", self.conv(f"vnet.down.{i}.conv", x, stride=2))
        for k in range(4):
            up = f"vnet.up.{k}"
            x = F.conv_transpose3d(x, self.t[f"{up}.conv.weight"], self.t[f"{up}.conv.bias"], stride=2)
            x = self.norm_relu(f"{up}.norm", x) + skips.pop()
            for j in range(DEPTHS[3 - k]):
                x = unit(f"vnet.decoder.{k}.{j}", x)
            levels.append(x)
        return self.heads("vnet", x, levels)

    def unet3d(self, x):
        unit = lambda name, x: F.relu(F.instance_norm(self.conv(f"{name}.conv", x, padding=1)))
        skips, levels = [], []
        for i in range(5):
            for j in range(2):
                x = unit(f"unet.encoder.{i}.{j}", x)
            if i < 4:
                skips.append(x)
                x = F.max_pool3d(x, 2)
        for k in range(4):
            up = f"unet.up.{k}"
            weight, bias = self.t[f"{up}.conv.weight"], self.t[f"{up}.conv.bias"]
            x = F.conv_transpose3d(x, weight, bias, stride=2, padding=1, output_padding=1)
            x = torch.cat([skips.pop(), self.norm_relu(f"{up}.norm", x)], 1)
            for j in range(2):
                x = unit(f"unet.decoder.{k}.{j}", x)
            levels.append(x)
        return self.heads("unet", x, levels)

    # Dynamic Interaction Module

    def level(self, name, prototypes, feature):
        b, c, r, f = prototypes.shape
        tokens = self.conv(f"{name}.project", feature).flatten(2).transpose(1, 2)
        tokens = self.layer_norm(f"{name}.key_norm", self.layer_norm(f"{name}.token_norm", tokens))
        key, value = self.linear(f"{name}.kv", tokens).chunk(2, -1)
        query = self.linear(f"{name}.q", self.layer_norm(f"{name}.query_norm", prototypes)).flatten(1, 2)
        proximity = query @ key.mT / f ** 0.5
        found = 2 * self.linear(f"{name}.out", proximity.softmax(-1) @ value).reshape(b, c, r, f)
        hidden = F.gelu(self.linear(f"{name}.mlp_in", self.layer_norm(f"{name}.mlp_norm", found)))
        found = found + self.linear(f"{name}.mlp_out", hidden)
        maps = 2 * proximity
        maps = (maps + self.layer_norm(f"{name}.map_norm", maps)).reshape(b * c, r, *feature.shape[2:])
        maps = self.norm_relu(f"{name}.depthwise_norm", self.conv(f"{name}.depthwise", maps, padding=1, groups=r))
        maps = self.norm_relu(f"{name}.pointwise_norm", self.conv(f"{name}.pointwise", maps))
        return self.linear(f"{name}.to_next", found), self.conv(f"{name}.cue", maps).reshape(b, c, *feature.shape[2:])

    def __call__(self, x):
        logits, representation, features = getattr(self, self.config["backbone"])(x)
        prototypes = self.t["prototypes"].expand(len(x), -1, -1, -1)
        for i, feature in enumerate(features):
            prototypes, cue = self.level(f"dim.{i}", prototypes, feature)
        cue = F.conv_transpose3d(cue, self.t["upsample.weight"], self.t["upsample.bias"], stride=2)
        return logits, representation, F.relu(cue)


def tensor_shapes(config):
    """Names and PyTorch shapes of every parameter and running moment."""
    w, R, C = [config["width"] * 2 ** i for i in range(5)], config["prototypes"], config["classes"]
    shapes = {}

    def conv(name, cin, cout, k, bias=True, transposed=False):
        shapes[f"{name}.weight"] = ((cin, cout) if transposed else (cout, cin)) + (k,) * 3
        if bias:
            shapes[f"{name}.bias"] = (cout,)

    def norm(name, n, running=True):
        for part in ("weight", "bias") + (("running_mean", "running_var") if running else ()):
            shapes[f"{name}.{part}"] = (n,)

    def linear(name, cin, cout):
        shapes[f"{name}.weight"], shapes[f"{name}.bias"] = (cout, cin), (cout,)

    if config["backbone"] == "vnet":
        kind = "vnet"
        for i, depth in enumerate(DEPTHS):
            for j in range(depth):
                conv(f"vnet.encoder.{i}.{j}.conv", 1 if i + j == 0 else w[i], w[i], 3)
                norm(f"vnet.encoder.{i}.{j}.norm", w[i])
        for i in range(4):
            conv(f"vnet.down.{i}.conv", w[i], w[i + 1], 2)
            norm(f"vnet.down.{i}.norm", w[i + 1])
            conv(f"vnet.up.{i}.conv", w[4 - i], w[3 - i], 2, transposed=True)
            norm(f"vnet.up.{i}.norm", w[3 - i])
            for j in range(DEPTHS[3 - i]):
                conv(f"vnet.decoder.{i}.{j}.conv", w[3 - i], w[3 - i], 3)
                norm(f"vnet.decoder.{i}.{j}.norm", w[3 - i])
    else:
        kind = "unet"
        for i in range(5):
            conv(f"unet.encoder.{i}.0.conv", w[i - 1] if i else 1, w[i], 3)
            conv(f"unet.encoder.{i}.1.conv", w[i], w[i], 3)
        for k in range(4):
            conv(f"unet.up.{k}.conv", w[4 - k], w[4 - k], 3, transposed=True)
            norm(f"unet.up.{k}.norm", w[4 - k])
            conv(f"unet.decoder.{k}.0.conv", w[4 - k] + w[3 - k], w[3 - k], 3)
            conv(f"unet.decoder.{k}.1.conv", w[3 - k], w[3 - k], 3)
    conv(f"{kind}.segment", w[0], C, 1)
    conv(f"{kind}.represent.conv", w[0], R, 3, bias=False)
    norm(f"{kind}.represent.norm", R)
    conv(f"{kind}.represent.out", R, R, 1)
    h, v, d = config["patch"]
    for i, (f, following, scale) in enumerate(((w[2], w[1], 4), (w[1], w[1], 2))):
        name = f"dim.{i}"
        conv(f"{name}.project", f, f, 1)
        for part in ("token_norm", "query_norm", "key_norm", "mlp_norm"):
            norm(f"{name}.{part}", f, running=False)
        for part, cout in (("q", f), ("kv", 2 * f), ("out", f), ("mlp_in", 4 * f), ("to_next", following)):
            linear(f"{name}.{part}", f, cout)
        linear(f"{name}.mlp_out", 4 * f, f)
        norm(f"{name}.map_norm", (h // scale) * (v // scale) * (d // scale), running=False)
        conv(f"{name}.depthwise", 1, R, 3, bias=False)
        norm(f"{name}.depthwise_norm", R)
        conv(f"{name}.pointwise", R, R, 1, bias=False)
        norm(f"{name}.pointwise_norm", R)
        conv(f"{name}.cue", R, 1, 1)
    shapes["prototypes"] = (C, R, w[2])
    conv("upsample", C, C, 2, transposed=True)
    return shapes


def start(config):
    tensors = {}
    for name, shape in tensor_shapes(config).items():
        noise = torch.randn(shape)
        if len(shape) > 1 and name != "prototypes":
            value = noise * (2 / noise[0].numel()) ** 0.5
        elif name.endswith("running_var"):
            value = 0.5 + torch.rand(shape)
        else:
            value = 0.1 * noise + (1.0 if "norm" in name and name.endswith(".weight") else 0.0)
        tensors[name] = value.half().double()
    return tensors


def volumes(config, n):
    C, patch = config["classes"], config["patch"]
    grid = torch.stack(torch.meshgrid(*[torch.linspace(-1, 1, s) for s in patch], indexing="ij"))
    images, labels = [], []
    for _ in range(n):
        label = torch.zeros(patch, dtype=torch.long)
        for c in range(1, C):
            centre = (torch.rand(3, 1, 1, 1) - 0.5)
            label[(grid - centre).square().sum(0) < 0.2 + 0.15 * torch.rand(1)] = c
        images.append((label * 0.4 + torch.randn(patch) * 0.25)[None].half().double())
        labels.append(label)
    return torch.stack(images), torch.stack(labels)


def supervised(logits, label):
    """Cross entropy, and Dice as the mean over foreground classes."""
    probability = logits.softmax(1)
    dice = []
    for c in range(1, logits.shape[1]):
        p, y = probability[:, c], (label == c).double()
        dice.append(1 - (2 * (p * y).sum() + 1e-5) / ((p * p).sum() + (y * y).sum() + 1e-5))
    return F.cross_entropy(logits, label), torch.stack(dice).mean()


def imitation(logits, pseudo, confidence):
    counted = (pseudo >= 0).flatten(1).sum(1)
    weight = (confidence.flatten(1) >= CONFIG["strong"]).sum(1) / counted
    loss = F.cross_entropy(logits, pseudo, ignore_index=-1, reduction="none")
    return (weight[:, None, None, None] * loss)[loss > 0].mean()


def cooperation(rows, label, prototypes, anchors, negatives):
    """rows [voxels, R]; label [voxels], -1 where a voxel does not count; prototypes [C, R, F]."""
    total = 0
    for c in range(len(prototypes)):
        with torch.no_grad():
            positive = (rows[label == c].mean(0) + CONFIG["xi"] * prototypes[c].mean(-1)) / (1 + CONFIG["xi"])
            keys = torch.cat([positive.expand(QUERIES, 1, -1), rows[negatives[c]]], 1)
        similarity = F.cosine_similarity(rows[anchors[c]][:, None], keys, dim=-1) / CONFIG["temperature"]
        total = total - similarity.log_softmax(-1)[:, 0].mean()
    return total / len(prototypes)


def sgd(tensors, names, gradients, velocity):
    for name in names:
        if gradients.get(name) is None:
            continue
        g = gradients[name] + DECAY * tensors[name].detach()
        velocity[name] = MOMENTUM * velocity.get(name, 0) + g
        tensors[name].data -= LR * (g + MOMENTUM * velocity[name])


def write(path, seed, **config):
    torch.manual_seed(seed)
    config, out = {**CONFIG, **config, "kept": KEPT, "kept_voxels": KEPT_VOXELS}, {}
    C, b = config["classes"], config["batch"]

    def put(name, value, dtype=None):
        out[name] = value.detach().to(dtype or torch.float32).clone().contiguous()

    def put_part(name, value, kept=KEPT):
        put(name, value.detach().flatten()[:: -(-value.numel() // kept)])

    tensors = start(config)
    trained = [n for n in tensors if "running" not in n]
    for n in tensors:
        put(f"params/{n}", tensors[n], torch.float16)
    mu = torch.tensor([0.25], requires_grad=True)
    put("params/mu", mu)
    student, teacher = Net(config, tensors), Net(config, {n: t.clone() for n, t in tensors.items()})
    image, _ = volumes(config, 1)
    put("input/eval", image, torch.float16)
    student.training = False
    logits, _, relationship = student(image)
    put_part("expect/eval/logits", logits, KEPT_VOXELS)
    put_part("expect/eval/relationship", relationship, KEPT_VOXELS)
    put_part("expect/eval/rectified", logits + (1 - mu) * relationship, KEPT_VOXELS)
    velocity = {}
    for step in range(2):
        xl, yl = volumes(config, b)
        xu, _ = volumes(config, b)
        put(f"input/step{step}/labelled", xl, torch.float16)
        put(f"input/step{step}/label", yl, torch.int8)
        put(f"input/step{step}/unlabelled", xu, torch.float16)
        with torch.no_grad():
            tl, _, tm = teacher(xu)
            confidence, pseudo = (tl + (1 - mu) * tm).softmax(1).max(1)
        put(f"expect/step{step}/pseudo_label", pseudo, torch.int8)
        put_part(f"expect/step{step}/confidence", confidence, KEPT_VOXELS)
        pseudo, confidence = pseudo.clone(), confidence.half().double()
        pseudo[:, :2], confidence[:, :2] = -1, 0
        put(f"input/step{step}/pseudo", pseudo, torch.int8)
        put(f"input/step{step}/confidence", confidence, torch.float16)
        for n in trained:
            tensors[n].requires_grad_(True).grad = None
        student.training = True
        ll, rl, ml = student(xl)
        lu, ru, _ = student(xu)
        losses = dict(zip(("ce", "dice"), supervised(ll, yl)))
        losses.update(zip(("ce_relationship", "dice_relationship"), supervised(ml, yl)))
        losses["unsupervised"] = imitation(lu, pseudo, confidence)
        rows = torch.cat([rl, ru]).movedim(1, -1).flatten(0, 3)
        label = torch.cat([yl.flatten(), torch.where(confidence >= CONFIG["cps_mask"], pseudo, -1).flatten()])
        anchors, negatives = [], []
        for c in range(C):
            own, other = (label == c).nonzero()[:, 0], ((label >= 0) & (label != c)).nonzero()[:, 0]
            anchors.append(own[torch.randint(len(own), (QUERIES,))])
            negatives.append(other[torch.randint(len(other), (QUERIES, NEGATIVES))])
            put(f"input/step{step}/anchors{c}", anchors[c], torch.int32)
            put(f"input/step{step}/negatives{c}", negatives[c], torch.int32)
        losses["cps"] = cooperation(rows, label, teacher.t["prototypes"], anchors, negatives)
        half = sum(losses[n] for n in ("ce", "dice", "ce_relationship", "dice_relationship")) / 2
        losses["total"] = half + 0.5 * losses["unsupervised"] + 0.5 * losses["cps"]
        losses["total"].backward()
        gradients = {n: tensors[n].grad for n in trained}
        if step == 0:
            for n, g in gradients.items():
                if g is not None:
                    put_part(f"expect/step0/grad/{n}", g)
        with torch.no_grad():
            sgd(tensors, trained, gradients, velocity)
            decay = min(1 - 1 / (step + 1), CONFIG["ema"])
            for n in trained:
                teacher.t[n].mul_(decay).add_(tensors[n], alpha=1 - decay)
            student.training = False
            pl, _, pm = student(xl)
        ce, dice = supervised(pl + (1 - mu) * pm, yl)
        losses["mu"] = (ce + dice) / 2
        (slope,) = torch.autograd.grad(losses["mu"], mu)
        sgd({"mu": mu}, ["mu"], {"mu": slope}, velocity)
        for n, value in losses.items():
            put(f"expect/step{step}/loss/{n}", value.reshape(1))
        put(f"expect/step{step}/mu", mu)
    for n in tensors:
        put_part(f"expect/after/student/{n}", tensors[n])
        put_part(f"expect/after/teacher/{n}", teacher.t[n])
    save_file(out, path, metadata={"config": json.dumps({**config, "seed": seed})})
    print(path, round(sum(t.nbytes for t in out.values()) * 1e-6, 2), "MB", {n: round(v.item(), 4) for n, v in losses.items()})


if __name__ == "__main__":
    write("vnet-three-classes.safetensors", 1, backbone="vnet", width=2, prototypes=3, classes=3, patch=(32, 16, 16), batch=2)
    write("unet.safetensors", 2, backbone="unet3d", width=2, prototypes=2, classes=2, patch=(32, 16, 16), batch=2)
