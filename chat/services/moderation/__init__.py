"""Reports, cases, decisions, appeals and content rules: every write of moderators and about them."""
