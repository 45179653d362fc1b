"""Microseconds a step that others take for 784-512-512-10 with Keras's RMSprop on a GPU, TF32, pixels resident as bytes: one
JSON line each. `gpu_peers.py BATCH`; what is not installed says so in its line."""
import json
import sys
import time

ROWS, EPOCHS = 60000, 3
RATE, RHO, EPSILON = 1e-3, 0.9, 1e-7


def tell(name, **values):
    print(json.dumps({"name": name, **values}), flush=True)


def median_us(epoch, batch):
    """`epoch` trains whole batches and waits for the card; the first one warms up."""
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
        self.sizes = [(784, 512), (512, 512), (512, 10)]
        self.params = [p for i, o in self.sizes
                       for p in ((torch.rand(i, o, device="cuda") - 0.5) * 0.1, torch.zeros(o, device="cuda"))]
        for p in self.params:
            p.requires_grad_()
        self.squares = [torch.zeros_like(p) for p in self.params]
        self.loss_sum = torch.zeros((), device="cuda")
        self.correct = torch.zeros((), device="cuda")

    def step(self, index):
        torch = self.torch
        a = self.x[index].float() / 255
        for layer in range(3):
            a = torch.addmm(self.params[2 * layer + 1], a, self.params[2 * layer])
            if layer < 2:
                a = torch.relu(a)
        y = self.y[index]
        loss = torch.nn.functional.cross_entropy(a, y)
        grads = torch.autograd.grad(loss, self.params)
        with torch.no_grad():
            self.loss_sum += loss.detach() * index.numel()
            self.correct += (a.argmax(1) == y).sum()
            torch._foreach_mul_(self.squares, RHO)
            torch._foreach_addcmul_(self.squares, grads, grads, value=1 - RHO)
            roots = torch._foreach_sqrt(torch._foreach_add(self.squares, EPSILON))
            torch._foreach_addcdiv_(self.params, grads, roots, value=-RATE)

    def epoch_of(self, step):
        def epoch():
            order = self.torch.randperm(ROWS, device="cuda")
            for first in range(0, ROWS - self.batch + 1, self.batch):
                step(order[first:first + self.batch])
            self.loss_sum.item()
        return epoch

    def eager(self):
        return median_us(self.epoch_of(self.step), self.batch)

    def compiled(self):
        return median_us(self.epoch_of(self.torch.compile(self.step)), self.batch)

    def graph(self):
        torch = self.torch
        index = torch.arange(self.batch, device="cuda")
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(11):
                self.step(index)
        torch.cuda.current_stream().wait_stream(side)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            self.step(index)

        def step(rows):
            index.copy_(rows)
            graph.replay()
        return median_us(self.epoch_of(step), self.batch)


def jax_scan(batch):
    import jax
    import jax.numpy as jnp
    if jax.default_backend() != "gpu":
        raise ImportError("JAX sees no GPU")
    key = jax.random.PRNGKey(42)
    x = jax.random.randint(key, (ROWS, 784), 0, 256).astype(jnp.uint8)
    y = jax.random.randint(key, (ROWS,), 0, 10)
    params = [p for i, o in ((784, 512), (512, 512), (512, 10))
              for p in (jax.random.uniform(key, (i, o), minval=-0.05, maxval=0.05), jnp.zeros(o))]
    squares = [jnp.zeros_like(p) for p in params]

    def loss_of(params, rows):
        a = x[rows].astype(jnp.float32) / 255
        for layer in range(3):
            a = a @ params[2 * layer] + params[2 * layer + 1]
            a = jax.nn.relu(a) if layer < 2 else a
        return -jnp.mean(jax.nn.log_softmax(a)[jnp.arange(batch), y[rows]]), jnp.sum(jnp.argmax(a, 1) == y[rows])

    def step(state, rows):
        params, squares = state
        (loss, correct), grads = jax.value_and_grad(loss_of, has_aux=True)(params, rows)
        squares = [RHO * s + (1 - RHO) * g * g for s, g in zip(squares, grads)]
        params = [p - RATE * g / jnp.sqrt(s + EPSILON) for p, g, s in zip(params, grads, squares)]
        return (params, squares), (loss, correct)

    train = jax.jit(lambda state, order: jax.lax.scan(step, state, order), donate_argnums=0)
    held = {"state": (params, squares), "key": key}

    def epoch():
        held["key"], use = jax.random.split(held["key"])
        order = jax.random.permutation(use, ROWS)[:ROWS // batch * batch].reshape(-1, batch)
        held["state"], sums = train(held["state"], order)
        jax.block_until_ready((held["state"], sums))
    return median_us(epoch, batch)


def main():
    batch = int(sys.argv[1])
    rivals = {"torch_eager": lambda: Torch(batch).eager(), "torch_compile": lambda: Torch(batch).compiled(),
              "torch_graph": lambda: Torch(batch).graph(), "jax_scan": lambda: jax_scan(batch)}
    for name, measure in rivals.items():
        try:
            tell(name, batch=batch, us_a_step=measure())
        except Exception as error:  # whatever a rival's installation lacks; the line says it
            tell(name, batch=batch, missing=f"{type(error).__name__}: {error}"[:300])


if __name__ == "__main__":
    main()
