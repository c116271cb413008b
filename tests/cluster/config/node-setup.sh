# Prepares a cluster's own mount and network namespace. `up` runs it once,
# inside them. STATE and BIN are directories of the machine; what the
# components write goes below STATE or into memory, never into the machine's
# own /run, /var or /proc/sys.
set -eu

# Mounts made here stay here; those that the kubelet makes reach containers.
mount --make-rshared /

mkdir -p "$STATE/node/log" "$STATE/node/kubelet" "$STATE/node/containerd" "$STATE/node/sysctl"
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p /run/changeover/state /run/changeover/bin
mount --bind "$STATE" /run/changeover/state
mount --bind "$BIN" /run/changeover/bin
cd /run/changeover/state/node
mount --bind log /var/log
mount -t tmpfs -o mode=755 tmpfs /var/lib

# The kubelet sets kernel parameters of the whole machine unless it finds the
# values that it wants. It finds them here.
claim() {
  [ -e "/proc/sys/$1" ] || return 0
  file="sysctl/$(echo "$1" | tr / .)"
  echo "$2" >"$file"
  mount --bind "$file" "/proc/sys/$1"
}
claim vm/overcommit_memory 1
claim vm/panic_on_oom 0
claim kernel/panic 10
claim kernel/panic_on_oops 1
claim kernel/keys/root_maxkeys 1000000
claim kernel/keys/root_maxbytes 25000000

# The node's address sits on a bridge without ports, which every kernel that
# can run pods has (the dummy driver may be missing). The default route leads
# nowhere; components look for one to learn their own address.
ip link set lo up
ip link add node0 type bridge
ip address add @NODE_IP@/24 dev node0
ip link set node0 up
ip route add default via @GATEWAY@ dev node0
echo 1 >/proc/sys/net/ipv4/ip_forward

# Traffic between pods of one node crosses a bridge only; kube-proxy has to see it.
if [ -e /proc/sys/net/bridge/bridge-nf-call-iptables ]; then
  echo 1 >/proc/sys/net/bridge/bridge-nf-call-iptables
fi
