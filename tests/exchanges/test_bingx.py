"""BingX signs its parameters in the order of their names, so another order is another message."""

import msgspec
import pytest

from app.exchanges.errors import RequestMismatch
from tests.exchanges.cases.bingx import BINGX


def test_parameters_out_of_order_refuse_even_with_a_message_that_agrees() -> None:
    order = BINGX.order()
    built = BINGX.build(order)
    path, _, query = built.path_and_query.partition("?")
    first, second, *rest = query.split("&")
    swapped = "&".join((second, first, *rest))
    message = swapped.rpartition("&signature=")[0].encode()
    request = msgspec.structs.replace(built, path_and_query=f"{path}?{swapped}", message=message)
    with pytest.raises(RequestMismatch) as refused:
        BINGX.check(request, order)
    assert refused.value.rule == "order"
