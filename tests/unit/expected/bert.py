"""Makes bert.npz, the expected hidden states of `test_transformer.py`, with PyTorch and nothing of this package.

    python tests/expected/bert.py FOLDER

FOLDER holds all-MiniLM-L6-v2 (config.json, model.safetensors, tokenizer.json); the script needs torch, tokenizers
and safetensors. Two encoders: the real one, of whose 384 features every eighth is kept, and a tiny
one with weights from a seeded generator, which needs no file.
"""

import json
import sys
from pathlib import Path

import numpy as np

SENTENCES = ["I passed the exam!!!", "Nobody came to my birthday, and it hurts more than I'd admit.", "ok"]
TINY = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 24, "vocab_size": 30,
        "max_position_embeddings": 12}  # fmt: skip


def tiny_weights(config, seed=7):
    """Weights in the names and shapes of a BERT; the test makes the same ones."""
    rng, size, inner = np.random.default_rng(seed), config["hidden_size"], config["intermediate_size"]
    shapes = {
        "embeddings.word_embeddings.weight": (config["vocab_size"], size),
        "embeddings.position_embeddings.weight": (config["max_position_embeddings"], size),
        "embeddings.token_type_embeddings.weight": (2, size),
        "embeddings.LayerNorm.weight": (size,),
        "embeddings.LayerNorm.bias": (size,),
    }
    for number in range(config["num_hidden_layers"]):
        for part, out, into in (
            ("attention.self.query", size, size),
            ("attention.self.key", size, size),
            ("attention.self.value", size, size),
            ("attention.output.dense", size, size),
            ("intermediate.dense", inner, size),
            ("output.dense", size, inner),
        ):
            shapes[f"encoder.layer.{number}.{part}.weight"] = (out, into)
            shapes[f"encoder.layer.{number}.{part}.bias"] = (out,)
        for part in ("attention.output.LayerNorm", "output.LayerNorm"):
            shapes[f"encoder.layer.{number}.{part}.weight"] = (size,)
            shapes[f"encoder.layer.{number}.{part}.bias"] = (size,)
    return {name: rng.normal(0.1, 0.5, shape).astype("float32") for name, shape in shapes.items()}


def hidden_states(weights, config, ids):
    """Last hidden states (B, T, D) of padded ids (B, T), 0 where the id is 0."""
    import torch
    from torch.nn import functional as F

    w = {name: torch.as_tensor(array) for name, array in weights.items()}
    ids = torch.as_tensor(ids)
    (batch, steps), size, heads = ids.shape, config["hidden_size"], config["num_attention_heads"]

    def norm(x, name):
        return F.layer_norm(x, (size,), w[f"{name}.weight"], w[f"{name}.bias"], 1e-12)

    def dense(x, name):
        return F.linear(x, w[f"{name}.weight"], w[f"{name}.bias"])

    x = w["embeddings.word_embeddings.weight"][ids] + w["embeddings.position_embeddings.weight"][:steps]
    x = norm(x + w["embeddings.token_type_embeddings.weight"][0], "embeddings.LayerNorm")
    hidden = torch.zeros(batch, 1, 1, steps).masked_fill((ids == 0)[:, None, None], float("-inf"))
    for number in range(config["num_hidden_layers"]):
        name = f"encoder.layer.{number}"
        q, k, v = (
            dense(x, f"{name}.attention.self.{part}").view(batch, steps, heads, -1).transpose(1, 2)
            for part in ("query", "key", "value")
        )
        scores = q @ k.transpose(2, 3) / (size // heads) ** 0.5 + hidden
        seen = (scores.softmax(-1) @ v).transpose(1, 2).reshape(batch, steps, size)
        x = norm(x + dense(seen, f"{name}.attention.output.dense"), f"{name}.attention.output.LayerNorm")
        inner = F.gelu(dense(x, f"{name}.intermediate.dense"))
        x = norm(x + dense(inner, f"{name}.output.dense"), f"{name}.output.LayerNorm")
    return (x * (ids != 0)[:, :, None]).numpy()


def main(folder):
    import torch
    from safetensors.numpy import load_file
    from tokenizers import Tokenizer

    config = json.loads((folder / "config.json").read_text())
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.enable_padding()
    ids = np.array([encoding.ids for encoding in tokenizer.encode_batch(SENTENCES)])
    tiny_ids = np.random.default_rng(1).integers(1, TINY["vocab_size"], (3, 9))
    tiny_ids[1, 5:] = tiny_ids[2, 1:] = 0
    with torch.no_grad():
        states = hidden_states(load_file(str(folder / "model.safetensors")), config, ids)
        tiny = hidden_states(tiny_weights(TINY), TINY, tiny_ids)
    file = Path(__file__).with_suffix(".npz")
    np.savez_compressed(file, ids=ids, states=states[..., ::8], tiny_ids=tiny_ids, tiny=tiny)
    print(file, ids.shape, states.shape)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
