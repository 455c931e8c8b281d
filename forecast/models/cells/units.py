"""Cells that mix their state with a candidate for it: gated units with few gates, and units without any."""

from __future__ import annotations

from types import MappingProxyType

import torch
from torch import Tensor, nn

from forecast.models.cells.cell import Gated, State


class Gru2014(Gated):
    """r, z = σ(Wx + Rh₋ + b); n = tanh(Wx + R(r·h₋) + b); h = (1 − z)·n + z·h₋, as in the paper (Cho et al. 2014)."""

    gates = ("reset", "update")
    rows = ("reset", "update", "candidate")

    def matrices(self) -> tuple[Tensor, ...]:
        return self.weight_hh.T.tensor_split((2 * self.hidden_size,), 1)

    def step(self, drive: Tensor, state: State, matrices: tuple[Tensor, ...]) -> tuple[dict[str, Tensor], State]:
        h, size = state[0], self.hidden_size
        for_gates, for_candidate = drive.split((2 * size, size), 1)
        r, z = torch.addmm(for_gates, h, matrices[0]).sigmoid().chunk(2, 1)
        n = torch.addmm(for_candidate, r * h, matrices[1]).tanh()
        return {"reset": r, "update": z, "candidate": n}, (torch.lerp(n, h, z),)


class Mgu(Gated):
    """One gate that both resets and updates: f = σ(·); n = tanh(Wx + R(f·h₋) + b); h = (1 − f)·h₋ + f·n.

    The minimal gated unit (Zhou et al. 2016). Its gate is called forget there, and is open where the state is replaced.
    """

    gates = ("update",)
    rows = ("update", "candidate")

    def matrices(self) -> tuple[Tensor, ...]:
        return self.weight_hh.T.chunk(2, 1)

    def step(self, drive: Tensor, state: State, matrices: tuple[Tensor, ...]) -> tuple[dict[str, Tensor], State]:
        h, (for_gate, for_candidate) = state[0], drive.chunk(2, 1)
        f = torch.addmm(for_gate, h, matrices[0]).sigmoid()
        n = torch.addmm(for_candidate, f * h, matrices[1]).tanh()
        return {"update": f, "candidate": n}, (torch.lerp(h, n, f),)


class Ugrnn(Gated):
    """One gate that keeps the state: f = σ(·), n = tanh(·); h = f·h₋ + (1 − f)·n.

    The update gate network (Collins, Sohl-Dickstein & Sussillo 2017).
    """

    gates = ("forget",)
    rows = ("forget", "candidate")

    def step(self, drive: Tensor, state: State, matrices: tuple[Tensor, ...]) -> tuple[dict[str, Tensor], State]:
        f, n = torch.addmm(drive, state[0], matrices[0]).chunk(2, 1)
        f, n = f.sigmoid(), n.tanh()
        return {"forget": f, "candidate": n}, (torch.lerp(n, state[0], f),)


class Janet(Gated):
    """Just a forget gate: s, n̂ = Wx + Rh₋ + b; h = σ(s)·h₋ + (1 − σ(s − 1))·tanh(n̂).

    It takes in a little more than it forgets (van der Westhuizen & Lasenby 2018, β = 1).
    """

    gates = ("forget",)
    rows = ("forget", "candidate")

    def step(self, drive: Tensor, state: State, matrices: tuple[Tensor, ...]) -> tuple[dict[str, Tensor], State]:
        s, n = torch.addmm(drive, state[0], matrices[0]).chunk(2, 1)
        f, n = s.sigmoid(), n.tanh()
        return {"forget": f, "candidate": n}, (torch.addcmul(f * state[0], (1 - s).sigmoid(), n),)


class Lem(Gated):
    """Two states that move by steps of learnt size, y by way of z (long expressive memory, Rusch et al. 2022).

    a, b = σ(Wx + Ry₋ + b); z = (1 − a)·z₋ + a·tanh(Wx + Ry₋ + b); y = (1 − b)·y₋ + b·tanh(Wx + Rz + b).
    """

    n_states = 2
    gates = ("input", "output")
    rows = ("input", "output", "memory", "candidate")

    def matrices(self) -> tuple[Tensor, ...]:
        return self.weight_hh.T.tensor_split((3 * self.hidden_size,), 1)

    def step(self, drive: Tensor, state: State, matrices: tuple[Tensor, ...]) -> tuple[dict[str, Tensor], State]:
        y, z = state
        from_state, from_memory = drive.split((3 * self.hidden_size, self.hidden_size), 1)
        a, b, n = torch.addmm(from_state, y, matrices[0]).chunk(3, 1)
        a, b = a.sigmoid(), b.sigmoid()
        z = torch.lerp(z, n.tanh(), a)
        n = torch.addmm(from_memory, z, matrices[1]).tanh()
        return {"input": a, "output": b, "candidate": n, "memory": z}, (torch.lerp(y, n, b), z)


class Indrnn(Gated):
    """h = max(0, Wx + u·h₋ + b): every unit sees only its own past, u between 0 and 1 at the start (Li et al. 2018)."""

    rows = ("candidate",)
    open_ = MappingProxyType({})

    def __init__(self, input_size: int, hidden_size: int, forget_bias: float = 1.0) -> None:
        super().__init__(input_size, hidden_size, forget_bias)
        nn.init.uniform_(self.weight_hh, 0.0, 1.0)

    def shapes(self, hidden_size: int) -> dict[str, tuple[int, ...]]:
        return {"weight_hh": (hidden_size,)}

    def matrices(self) -> tuple[Tensor, ...]:
        return (self.weight_hh,)

    def step(self, drive: Tensor, state: State, matrices: tuple[Tensor, ...]) -> tuple[dict[str, Tensor], State]:
        h = torch.addcmul(drive, matrices[0], state[0]).relu()
        return {"candidate": h}, (h,)
