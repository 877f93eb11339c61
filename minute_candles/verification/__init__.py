"""What a closed symbol-day must show to be accepted: collector, verdict, missing minutes, source lag."""
