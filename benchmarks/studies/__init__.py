"""Studies beside the comparison: test-time compute, depth, certificates, speed."""
