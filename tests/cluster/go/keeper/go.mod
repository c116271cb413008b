module changeover.dev/tests/cluster/keeper

go 1.26.0
