"""PromQL that several dashboards share."""

#: At least four scrapes, and as wide as one step of the picture; Grafana fills it in.
WINDOW = "[$__rate_interval]"
REQUESTS = "holdfast_http_request_duration_seconds"


def rate(counter: str, by: str, where: str = "") -> str:
    """Per second, summed by these labels; summed over all where `by` is empty."""
    return f"{_sum(by)} (rate({counter}{_braces(where)}{WINDOW}))"


def increase(counter: str, by: str, where: str = "", window: str = WINDOW) -> str:
    """How many in a window, summed by these labels."""
    return f"{_sum(by)} (increase({counter}{_braces(where)}{window}))"


def quantile(q: float, histogram: str, by: str = "", where: str = "") -> str:
    """Of a classic histogram, over all replicas."""
    labels = ", ".join(filter(None, ("le", by)))
    return f"histogram_quantile({q}, sum by ({labels}) (rate({histogram}_bucket{_braces(where)}{WINDOW})))"


def mean(histogram: str) -> str:
    """Of the observations of a histogram in the window."""
    return f"sum (rate({histogram}_sum{WINDOW})) / sum (rate({histogram}_count{WINDOW}))"


def worst(gauge: str, by: str, where: str = "") -> str:
    """The largest over all replicas."""
    return f"max by ({by}) ({gauge}{_braces(where)})" if by else f"max ({gauge}{_braces(where)})"


def age(timestamp: str, by: str) -> str:
    """Seconds since a timestamp; of replicas, the latest."""
    return f"time() - {worst(timestamp, by)}"


def _sum(by: str) -> str:
    return f"sum by ({by})" if by else "sum"


def _braces(where: str) -> str:
    return "{" + where + "}" if where else ""
