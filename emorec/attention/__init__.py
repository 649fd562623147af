"""Attention for sequences: Keras layers, exact about padding, that return their weights on request."""

from emorec.attention.global_attention import GlobalAttention
from emorec.attention.hierarchical import HierarchicalAttention
from emorec.attention.self_attention import SelfAttention
from emorec.attention.structured import StructuredSelfAttention
from emorec.attention.uniform_attention import UniformAttention

__all__ = ["GlobalAttention", "HierarchicalAttention", "SelfAttention", "StructuredSelfAttention", "UniformAttention"]
