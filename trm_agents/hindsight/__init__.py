"""HindsightTRM: self-labelled expert iteration on plan-edit tasks."""
