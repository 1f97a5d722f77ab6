"""A network learns to read digits from sums alone: no digit is ever labelled.

    python mnist_addition_torch.py FOLDER

FOLDER holds the four MNIST files, gzipped or not. Two passes take some minutes on two cores.
"""

import gzip
import sys
from pathlib import Path

import numpy as np
import torch
from torch import nn

import pinesy
from pinesy.torch import conclusion_loss

RULES = Path(__file__).parents[2] / "rulesets" / "mnist_addition.toml"
BATCH = 64  # sums


def read(folder: Path, name: str, header: int) -> np.ndarray:
    path = folder / name
    data = path.read_bytes() if path.exists() else gzip.decompress(path.with_name(name + ".gz").read_bytes())
    return np.frombuffer(data, np.uint8, offset=header)


def images(folder: Path, part: str) -> tuple[torch.Tensor, np.ndarray]:
    pixels = read(folder, f"{part}-images-idx3-ubyte", 16).reshape(-1, 1, 28, 28)
    return torch.tensor(pixels / 255, dtype=torch.float32), read(folder, f"{part}-labels-idx1-ubyte", 8).astype(int)


def main() -> None:
    torch.manual_seed(0)
    engine = pinesy.Engine(RULES, k=1)
    pictures, digits = images(Path(sys.argv[1]), "train")
    order = np.random.default_rng(0).permutation(50_000).reshape(-1, 2)
    total = digits[order].sum(axis=1)  # all that training sees of the labels
    network = nn.Sequential(
        nn.Conv2d(1, 16, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(16, 32, 5), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(512, 128), nn.ReLU(), nn.Linear(128, 10),
    )  # fmt: skip
    optimizer = torch.optim.AdamW(network.parameters(), 1e-3)
    for epoch in range(2):
        for batch in torch.randperm(len(order)).split(BATCH):
            chosen = batch.numpy()
            logits = network(pictures[order[chosen].ravel()]).view(-1, 2, 10)
            observed = {"y0": total[chosen] // 10, "y1": total[chosen] % 10}
            loss = conclusion_loss(engine, {"a1": logits[:, 0], "a2": logits[:, 1]}, observed)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        with torch.no_grad():
            pictures_left, labels = pictures[50_000:], digits[50_000:]
            read_as = torch.cat([network(part) for part in pictures_left.split(1000)]).argmax(1).numpy()
        print(f"epoch {epoch + 1}: {100 * (read_as == labels).mean():.2f} % of the digits read rightly")


if __name__ == "__main__":
    main()
