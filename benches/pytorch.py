"""Images a second of the shipped network in PyTorch, on the CPU: what benches/perception.rs measures of ours.

pip install torch; python benches/pytorch.py
"""

import statistics
import time

import torch
from torch import nn


def network() -> nn.Module:
    def block(channels: int, filters: int, kernel: int = 3, **how: int) -> list[nn.Module]:
        return [nn.Conv2d(channels, filters, kernel, bias=False, **how), nn.BatchNorm2d(filters), nn.ReLU()]

    stem = block(1, 32, 5, stride=2, padding=2)
    others = block(32, 64) + block(64, 80) + block(80, 96) + block(96, 112)
    head = [nn.Flatten(), nn.Dropout(0.2), nn.Linear(4032, 10, bias=False), nn.BatchNorm1d(10)]
    return nn.Sequential(*stem, *others, *head)


def rate(work, images: int, repeats: int = 10) -> float:
    work()

    def once() -> float:
        start = time.perf_counter()
        work()
        return time.perf_counter() - start

    return images / statistics.median(once() for _ in range(repeats))


def main() -> None:
    torch.manual_seed(0)
    net = network()
    images = torch.rand(2048, 1, 28, 28)
    print(f"torch {torch.__version__}, {sum(p.numel() for p in net.parameters()):,} weights")
    for threads in (1, 2):
        torch.set_num_threads(threads)
        for layout in (torch.contiguous_format, torch.channels_last):
            net.to(memory_format=layout).eval()
            batches = images.to(memory_format=layout).split(256)

            def read() -> None:
                with torch.inference_mode():
                    for batch in batches:
                        net(batch)

            print(f"{threads} threads, {str(layout):24}: reads {rate(read, 2048):8,.0f}", end="")
            net.train()
            optimiser = torch.optim.AdamW(net.parameters(), weight_decay=2e-2)
            labels = torch.randint(0, 10, (128,))
            steps = images[:640].to(memory_format=layout).split(128)

            def train() -> None:
                for batch in steps:
                    optimiser.zero_grad()
                    nn.functional.cross_entropy(net(batch), labels).backward()
                    optimiser.step()

            print(f", trains {rate(train, 640):8,.0f} images/s")


if __name__ == "__main__":
    main()
