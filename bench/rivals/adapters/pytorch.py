"""PyTorch on the processor, as a side of the comparison: the conversation of protocol.ts, and a training step of the recipe."""

import json
import math
import socket
import sys
import time
from array import array

import torch
import torch.nn.functional as F

CHANNEL = 3


class Recipe:
    """What recipe.ts wrote."""

    def __init__(self, path):
        with open(path, encoding="utf-8") as file:
            content = json.load(file)
        self.model, self.optimizer = content["model"], content["optimizer"]
        self.norm_eps = content["normEps"]
        numbers = array("f")
        with open(content["weights"], "rb") as file:
            numbers.frombytes(file.read())
        weights = torch.tensor(numbers)
        self.parameters = {}
        for entry in content["parameters"]:
            size = math.prod(entry["shape"])
            data = weights[entry["offset"] : entry["offset"] + size].reshape(entry["shape"])
            self.parameters[entry["name"]] = data.clone().requires_grad_()
        self.batches = [(torch.tensor(b["inputs"]), torch.tensor(b["targets"])) for b in content["batches"]]


class Training:
    """The recipe's model, written with PyTorch's functions, and its optimiser."""

    def __init__(self, work):
        self.recipe = Recipe(work["recipe"])
        self.count = 0
        parameters = list(self.recipe.parameters.values())
        options = self.recipe.optimizer
        groups = [
            {"params": [p for p in parameters if p.dim() >= 2], "weight_decay": options["weightDecay"]},
            {"params": [p for p in parameters if p.dim() < 2], "weight_decay": 0.0},
        ]
        betas = (options["beta1"], options["beta2"])
        self.optimizer = torch.optim.AdamW(groups, lr=options["learningRate"], betas=betas, eps=options["eps"])
        context = self.recipe.model["contextLength"]
        self.unseen = torch.ones(context, context, dtype=torch.bool).triu(1)
        self.losses = [self.run() for _ in range(work["checkedSteps"])]

    def check(self):
        return {"values": self.losses}

    def attention(self, x, name):
        p, heads = self.recipe.parameters, self.recipe.model["nHeads"]
        batch, seq, width = x.shape
        shape = (batch, seq, heads, width // heads)
        q, k, v = (F.linear(x, p[f"{name}.{which}Proj.weight"]).view(shape).transpose(1, 2) for which in "qkv")
        scores = (q @ k.transpose(2, 3)) / math.sqrt(width // heads)
        weights = scores.masked_fill(self.unseen, -math.inf).softmax(-1)
        mixed = (weights @ v).transpose(1, 2).reshape(batch, seq, width)
        return F.linear(mixed, p[f"{name}.outProj.weight"])

    def norm(self, x, name):
        return F.layer_norm(x, x.shape[-1:], self.recipe.parameters[f"{name}.weight"], None, self.recipe.norm_eps)

    def forward(self, tokens):
        p = self.recipe.parameters
        x = p["tokenEmbedding.weight"][tokens] + p["positionEmbedding.weight"]
        for layer in range(self.recipe.model["nLayers"]):
            block = f"blocks.{layer}"
            x = x + self.attention(self.norm(x, f"{block}.norm1"), f"{block}.attention")
            inner = F.linear(self.norm(x, f"{block}.norm2"), p[f"{block}.feedForward.upProj.weight"])
            inner = F.gelu(inner, approximate="tanh")
            x = x + F.linear(inner, p[f"{block}.feedForward.downProj.weight"])
        return F.linear(self.norm(x, "finalNorm"), p["tokenEmbedding.weight"])

    def run(self):
        inputs, targets = self.recipe.batches[self.count % len(self.recipe.batches)]
        self.count += 1
        logits = self.forward(inputs)
        loss = F.cross_entropy(logits.view(-1, logits.shape[-1]), targets.view(-1))
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.recipe.parameters.values(), self.recipe.optimizer["gradClip"])
        self.optimizer.step()
        return loss.item()


class Side:
    """Does what it is asked to."""

    def __init__(self):
        self.prepared = None

    def open(self, request):
        torch.set_num_threads(request["options"]["threads"])

    def prepare(self, request):
        if request["work"]["kind"] != "training":
            raise ValueError(f"pytorch does not take part in {request['work']['kind']}")
        self.prepared = Training(request["work"])
        threads = torch.get_num_threads()
        backend = f"native, {threads} thread{'' if threads == 1 else 's'}"
        return {"check": self.prepared.check(), "description": {"version": torch.__version__, "backend": backend}}

    def round(self, request):
        if request["warmUp"]:
            self.prepared.run()
        times, started = [], time.perf_counter()
        while len(times) < request["minRuns"] or (time.perf_counter() - started) * 1000 < request["ms"]:
            before = time.perf_counter()
            self.prepared.run()
            times.append((time.perf_counter() - before) * 1000)
        return {"times": times}

    def release(self, _request):
        self.prepared = None


def main():
    side = Side()
    channel = socket.socket(fileno=CHANNEL)
    channel.setblocking(True)
    with channel.makefile("rw", encoding="utf-8") as lines:
        for line in lines:
            request = json.loads(line)
            try:
                reply = {"ok": getattr(side, request["op"])(request)}
            except Exception as error:  # whatever it is, the benchmark wants to report it
                reply = {"error": f"{type(error).__name__}: {error}"}
            lines.write(json.dumps(reply) + "\n")
            lines.flush()


sys.exit(main())
