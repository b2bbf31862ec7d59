# The power goes while versions are committed: see tests/faults/power-loss.  INSTANTS=10 of each.

test_power_loss_on_ext4() { "$REPO/tests/faults/power-loss" ext4 "${INSTANTS:-10}"; }
test_power_loss_on_xfs() { "$REPO/tests/faults/power-loss" xfs "${INSTANTS:-10}"; }
test_power_loss_on_btrfs() { "$REPO/tests/faults/power-loss" btrfs "${INSTANTS:-10}"; }
