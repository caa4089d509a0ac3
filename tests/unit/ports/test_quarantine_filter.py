"""What entries of a quarantine are asked for by."""

from __future__ import annotations

import pytest

from backbone.errors import Rejected
from backbone.ports.quarantine import QuarantineFilter


@pytest.mark.parametrize("text", ["A\0", "\udcff"], ids=ascii)
@pytest.mark.parametrize("field", ["subjects", "ids", "plan", "reason"])
def test_a_text_that_no_store_can_hold_is_rejected_by_name(field: str, text: str) -> None:
    given = (text,) if field in {"subjects", "ids"} else text
    with pytest.raises(Rejected, match="holds a character that no name has"):
        QuarantineFilter(**{field: given})  # type: ignore[arg-type]
