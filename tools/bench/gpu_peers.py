"""Microseconds a step that others take for 784-512-512-10 with Keras's RMSprop on a GPU, TF32, pixels resident as bytes, rows in a
new order each epoch: one JSON line for each batch size, as soon as it is known.

`gpu_peers.py RIVAL BATCH...`; what is not installed says so in its line. The rivals, from what people write first to what an
expert can get out of the library:

  torch_eager           autograd, fused optimizer calls
  torch_graph           the same step as one CUDA graph
  torch_compile         backward and update written by hand, so that torch.compile takes the step whole
  torch_compile_graph   that compiled step as one CUDA graph
  jax_scan              jit of a lax.scan over the batches of an epoch
  jax_scan_unrolled     the same with eight steps in each turn of its loop
"""
import json
import sys
import time

ROWS, EPOCHS = 60000, 3
RATE, RHO, EPSILON = 1e-3, 0.9, 1e-7
SIZES = [(784, 512), (512, 512), (512, 10)]


def tell(name, **values):
    print(json.dumps({"name": name, **values}), flush=True)


def median_us(epoch, batch):
    """`epoch` trains whole batches and waits for the GPU; the first one warms up."""
    epoch()
    seconds = []
    for _ in range(EPOCHS):
        start = time.perf_counter()
        epoch()
        seconds.append(time.perf_counter() - start)
    return 1e6 * sorted(seconds)[EPOCHS // 2] / (ROWS // batch)


class Torch:
    def __init__(self, batch):
        import torch
        if not torch.cuda.is_available():
            raise ImportError("PyTorch sees no GPU")
        self.torch, self.batch = torch, batch
        torch.set_float32_matmul_precision("high")
        torch.manual_seed(42)
        self.x = torch.randint(0, 256, (ROWS, 784), dtype=torch.uint8, device="cuda")
        self.y = torch.randint(0, 10, (ROWS,), device="cuda")
        self.params = [p for i, o in SIZES for p in ((torch.rand(i, o, device="cuda") - 0.5) * 0.1, torch.zeros(o, device="cuda"))]
        self.squares = [torch.zeros_like(p) for p in self.params]
        self.loss_sum = torch.zeros((), device="cuda")
        self.correct = torch.zeros((), device="cuda")

    def forward(self, a):
        """The input of each layer, and last the logits."""
        taken = []
        for layer in range(3):
            taken.append(a)
            a = self.torch.addmm(self.params[2 * layer + 1], a, self.params[2 * layer])
            a = self.torch.relu(a) if layer < 2 else a
        return [*taken, a]

    def count(self, loss, logits, y):
        self.loss_sum.add_(loss.detach() * y.numel())
        self.correct.add_((logits.argmax(1) == y).sum())

    def step(self, index):
        torch = self.torch
        y = self.y[index]
        logits = self.forward(self.x[index].float() / 255)[-1]
        loss = torch.nn.functional.cross_entropy(logits, y)
        grads = torch.autograd.grad(loss, self.params)
        with torch.no_grad():
            self.count(loss, logits, y)
            torch._foreach_mul_(self.squares, RHO)
            torch._foreach_addcmul_(self.squares, grads, grads, value=1 - RHO)
            roots = torch._foreach_sqrt(torch._foreach_add(self.squares, EPSILON))
            torch._foreach_addcdiv_(self.params, grads, roots, value=-RATE)

    def by_hand(self, index):
        """The same step without autograd, which torch.compile does not take in one graph."""
        torch = self.torch
        y = self.y[index]
        *taken, logits = self.forward(self.x[index].float() / 255)
        logs = torch.log_softmax(logits, 1)
        self.count(-logs.gather(1, y[:, None]).mean(), logits, y)
        delta = (logs.exp() - torch.nn.functional.one_hot(y, 10)) / y.numel()
        grads = [None] * 6
        for layer in (2, 1, 0):
            grads[2 * layer], grads[2 * layer + 1] = taken[layer].t() @ delta, delta.sum(0)
            if layer:
                delta = (delta @ self.params[2 * layer].t()) * (taken[layer] > 0)
        for p, s, g in zip(self.params, self.squares, grads):
            s.copy_(RHO * s + (1 - RHO) * g * g)
            p.sub_(RATE * g / torch.sqrt(s + EPSILON))

    def epoch_of(self, step):
        def epoch():
            order = self.torch.randperm(ROWS, device="cuda")
            for first in range(0, ROWS - self.batch + 1, self.batch):
                step(order[first:first + self.batch])
            self.loss_sum.item()
        return epoch

    def learning(self):
        for p in self.params:
            p.requires_grad_()
        return self.step

    def compiled_step(self):
        return self.torch.no_grad()(self.torch.compile(self.by_hand, fullgraph=True, dynamic=False))

    def captured(self, step):
        """`step` as one CUDA graph over an index of its own."""
        torch = self.torch
        index = torch.arange(self.batch, device="cuda")
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(11):
                step(index)
        torch.cuda.current_stream().wait_stream(side)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            step(index)

        def replay(rows):
            index.copy_(rows)
            graph.replay()
        return replay

    def measure(self, step):
        return median_us(self.epoch_of(step), self.batch)


def jax_scan(batch, unroll):
    import jax
    import jax.numpy as jnp
    if jax.default_backend() != "gpu":
        raise ImportError("JAX sees no GPU")
    jax.config.update("jax_default_matmul_precision", "tensorfloat32")
    key = jax.random.PRNGKey(42)
    x = jax.random.randint(key, (ROWS, 784), 0, 256).astype(jnp.uint8)
    y = jax.random.randint(key, (ROWS,), 0, 10)
    params = [p for i, o in SIZES for p in (jax.random.uniform(key, (i, o), minval=-0.05, maxval=0.05), jnp.zeros(o))]
    squares = [jnp.zeros_like(p) for p in params]

    def loss_of(params, rows, x, y):
        a = x[rows].astype(jnp.float32) / 255
        for layer in range(3):
            a = a @ params[2 * layer] + params[2 * layer + 1]
            a = jax.nn.relu(a) if layer < 2 else a
        return -jnp.mean(jax.nn.log_softmax(a)[jnp.arange(batch), y[rows]]), jnp.sum(jnp.argmax(a, 1) == y[rows])

    def step(state, rows, x, y):
        params, squares = state
        (loss, correct), grads = jax.value_and_grad(loss_of, has_aux=True)(params, rows, x, y)
        squares = [RHO * s + (1 - RHO) * g * g for s, g in zip(squares, grads)]
        params = [p - RATE * g / jnp.sqrt(s + EPSILON) for p, g, s in zip(params, grads, squares)]
        return (params, squares), (loss, correct)

    def scan(state, order, x, y):
        return jax.lax.scan(lambda state, rows: step(state, rows, x, y), state, order, unroll=unroll)
    train = jax.jit(scan, donate_argnums=0)
    held = {"state": (params, squares), "key": key}

    def epoch():
        held["key"], use = jax.random.split(held["key"])
        order = jax.random.permutation(use, ROWS)[:ROWS // batch * batch].reshape(-1, batch)
        held["state"], sums = train(held["state"], order, x, y)
        jax.block_until_ready((held["state"], sums))
    return median_us(epoch, batch)


def torch_graph(batch):
    torch = Torch(batch)
    return torch.measure(torch.captured(torch.learning()))


def torch_eager(batch):
    torch = Torch(batch)
    return torch.measure(torch.learning())


def torch_compile(batch):
    torch = Torch(batch)
    return torch.measure(torch.compiled_step())


def torch_compile_graph(batch):
    torch = Torch(batch)
    return torch.measure(torch.captured(torch.compiled_step()))


RIVALS = {
    "torch_eager": torch_eager, "torch_graph": torch_graph, "torch_compile": torch_compile,
    "torch_compile_graph": torch_compile_graph, "jax_scan": lambda batch: jax_scan(batch, 1),
    "jax_scan_unrolled": lambda batch: jax_scan(batch, 8),
}


def main():
    name = sys.argv[1]
    for batch in map(int, sys.argv[2:]):
        try:
            tell(name, batch=batch, us_a_step=RIVALS[name](batch))
        except Exception as error:  # whatever a rival's installation lacks; the line says it
            tell(name, batch=batch, missing=f"{type(error).__name__}: {error}"[:300])


if __name__ == "__main__":
    main()
