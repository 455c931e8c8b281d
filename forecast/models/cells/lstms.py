"""Cells with a memory that is written, forgotten and read through gates: long short-term memory and its variants."""

from __future__ import annotations

from types import MappingProxyType
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional

from forecast.cells import n_heads
from forecast.models.cells.cell import Gated, State


class Peephole(Gated):
    """Long short-term memory whose gates also see the memory (Gers & Schmidhuber 2000; Graves 2012).

    i, f = σ(Wx + Rh₋ + p·c₋ + b), g = tanh(Wx + Rh₋ + b); c = f·c₋ + i·g; o = σ(Wx + Rh₋ + p·c + b); h = o·tanh(c).
    A gate without rows is open: what it would multiply passes. peeps says whether there are weights p, squashed which
    of the candidate and the memory go through tanh.
    """

    n_states = 2
    gates: ClassVar[tuple[str, ...]] = ("input", "forget", "output")
    rows: ClassVar[tuple[str, ...]] = ("input", "forget", "output", "candidate")
    peeps: ClassVar[bool] = True
    squashed: ClassVar[tuple[str, ...]] = ("candidate", "memory")

    def shapes(self, hidden_size: int) -> dict[str, tuple[int, ...]]:
        seeing = [row for row in self.rows if self.peeps and row != "candidate"]
        return super().shapes(hidden_size) | {f"peephole_{gate}": (hidden_size,) for gate in seeing}

    def step(self, drive: Tensor, state: State, matrices: tuple[Tensor, ...]) -> tuple[dict[str, Tensor], State]:
        c = state[1]
        sums = dict(zip(self.rows, self._sums(drive, state, matrices), strict=True))
        found: dict[str, Tensor] = {
            gate: self._gate(gate, sums[gate], c) for gate in ("input", "forget") if gate in sums
        }
        found |= self._coupled(found)
        g = sums["candidate"].tanh() if "candidate" in self.squashed else sums["candidate"]
        kept = found["forget"] * c if "forget" in found else c
        c = torch.addcmul(kept, found["input"], g) if "input" in found else kept + g
        h = c.tanh() if "memory" in self.squashed else c
        if "output" in sums:
            found["output"] = self._gate("output", sums["output"], c)
            h = found["output"] * h
        return {**found, "candidate": g, "memory": c}, (h, c)

    def _sums(self, drive: Tensor, state: State, matrices: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """What goes into each gate and into the candidate from inputs and state, [B, H]."""
        return torch.addmm(drive, state[0], matrices[0]).chunk(len(self.rows), 1)

    def _gate(self, name: str, total: Tensor, memory: Tensor) -> Tensor:
        """How far a gate is open that sees this memory, all [B, H]."""
        return (torch.addcmul(total, getattr(self, f"peephole_{name}"), memory) if self.peeps else total).sigmoid()

    def _coupled(self, found: dict[str, Tensor]) -> dict[str, Tensor]:  # noqa: ARG002 - see Cifg
        """The gates that follow from the others."""
        return {}


class Lstm1997(Peephole):
    """Without a forget gate and without peepholes: the memory only ever grows (Hochreiter & Schmidhuber 1997)."""

    gates = ("input", "output")
    rows = ("input", "output", "candidate")
    peeps = False


class Nig(Peephole):
    """No input gate: i = 1 (Greff et al. 2016)."""

    gates = ("forget", "output")
    rows = ("forget", "output", "candidate")


class Nfg(Peephole):
    """No forget gate: f = 1 (Greff et al. 2016)."""

    gates = ("input", "output")
    rows = ("input", "output", "candidate")


class Nog(Peephole):
    """No output gate: o = 1 (Greff et al. 2016)."""

    gates = ("input", "forget")
    rows = ("input", "forget", "candidate")


class Niaf(Peephole):
    """No input activation function: g = Wx + Rh₋ + b (Greff et al. 2016)."""

    squashed = ("memory",)


class Noaf(Peephole):
    """No output activation function: h = o·c (Greff et al. 2016)."""

    squashed = ("candidate",)


class Cifg(Peephole):
    """Coupled input and forget gate: f = 1 − i (Greff et al. 2016)."""

    rows = ("input", "output", "candidate")
    open_ = MappingProxyType({"input": -1.0})

    def _coupled(self, found: dict[str, Tensor]) -> dict[str, Tensor]:
        return {"forget": 1 - found["input"]}


class Fgr(Peephole):
    """Full gate recurrence: every gate also sees the three gates of the step before (Greff et al. 2016)."""

    n_states = 5
    recurrent = ("weight_hh", "weight_gates")
    weight_gates: Tensor

    def shapes(self, hidden_size: int) -> dict[str, tuple[int, ...]]:
        return super().shapes(hidden_size) | {"weight_gates": (3 * hidden_size, 3 * hidden_size)}

    def matrices(self) -> tuple[Tensor, ...]:
        return self.weight_hh.T, self.weight_gates.T

    def step(self, drive: Tensor, state: State, matrices: tuple[Tensor, ...]) -> tuple[dict[str, Tensor], State]:
        found, after = super().step(drive, state, matrices)
        return found, (*after, *(found[gate] for gate in self.gates))

    def _sums(self, drive: Tensor, state: State, matrices: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        h, _, *before = state
        gates, candidate = torch.addmm(drive, h, matrices[0]).tensor_split((3 * self.hidden_size,), 1)
        return *torch.addmm(gates, torch.cat(before, 1), matrices[1]).chunk(3, 1), candidate


class Slstm(Gated):
    """Exponential gates over a memory with a normaliser, and a state that mixes within heads only (Beck et al. 2024).

    i = exp(ĩ), f = σ(f̃), o = σ(õ), g = tanh(g̃); c = f·c₋ + i·g; n = f·n₋ + i; h = o·c/n. The third and fourth states
    are n and m = max(log f + m₋, log i): c and n are kept divided by exp(m), so that nothing overflows, and gates are
    traced as what they multiply these by.
    """

    n_states = 4
    gates = ("input", "forget", "output")
    rows = ("input", "forget", "output", "candidate")

    def shapes(self, hidden_size: int) -> dict[str, tuple[int, ...]]:
        heads = n_heads(hidden_size)
        return {"weight_hh": (len(self.rows), heads, hidden_size // heads, hidden_size // heads)}

    def matrices(self) -> tuple[Tensor, ...]:
        # One product with the blocks on the diagonal of a whole matrix is quicker than one for each head.
        heads = torch.eye(self.weight_hh.shape[1], dtype=self.weight_hh.dtype, device=self.weight_hh.device)
        blocks = self.weight_hh[:, :, :, None] * heads[None, :, None, :, None]
        return (blocks.reshape(-1, self.hidden_size).T,)

    def start(self, inputs: Tensor, state: Tensor | None) -> State:
        h, c, n, m = super().start(inputs, state)
        # Without a past there is nothing to hold against the first input gate, however far it is shut.
        return h, c, n, torch.where(n == 0, torch.finfo(m.dtype).min / 4, m)

    def step(self, drive: Tensor, state: State, matrices: tuple[Tensor, ...]) -> tuple[dict[str, Tensor], State]:
        h, c, n, m = state
        i, f, o, g = torch.addmm(drive, h, matrices[0]).chunk(4, 1)
        kept = functional.logsigmoid(f) + m
        # Whatever m is, h is the same, and so is its gradient: none has to pass through m.
        m = torch.maximum(kept, i).detach()
        i, f, o, g = (i - m).exp(), (kept - m).exp(), o.sigmoid(), g.tanh()
        c, n = torch.addcmul(f * c, i, g), torch.addcmul(i, f, n)
        memory = c / n
        return {"input": i, "forget": f, "output": o, "candidate": g, "memory": memory}, (o * memory, c, n, m)
