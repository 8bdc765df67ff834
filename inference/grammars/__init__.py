"""What binds a reply's form, as far as it can be judged without a model: GBNF and JSON schemas."""

from inference.grammars.gbnf import check_gbnf
from inference.grammars.schema import check_schema

__all__ = ["check_gbnf", "check_schema"]
