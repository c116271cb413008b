#!/bin/sh
# Lints both charts with every set of values. Usage: lint-charts.sh HELM
set -eu
helm=$1
"$helm" lint --strict charts/changeover
for values in charts/exchange/values-*.yaml; do
    "$helm" lint --strict charts/exchange -f "$values"
done
for values in '' '--set clusterWide=true' '--set replicas=1' '--set approval.verified=false'; do
    # shellcheck disable=SC2086 # the values are words
    "$helm" template changeover charts/changeover --kube-version 1.36.3 $values > /dev/null
done
if "$helm" template changeover charts/changeover --kube-version 1.36.3 --set typo=1 > /dev/null 2>&1; then
    echo 'charts/changeover takes unknown values: see values.schema.json' >&2
    exit 1
fi
