"""Faults: announced faults and measured recoveries, so that dashboards distinguish them from real faults. The entry
point is `board.FaultBoard`."""
