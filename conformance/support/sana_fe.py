"""Runs SANA-FE on an architecture and a network file; prints one line of JSON.

Usage: sana_fe.py ARCHITECTURE NETWORK TIMESTEPS

spikes: by timestep, [group, neuron] of each neuron that fired; messages: how many were sent; perf: by timestep,
what the performance trace says.
"""

import json
import sys

import sanafe


def main(architecture, network, timesteps):
    arch = sanafe.load_arch(architecture)
    net = sanafe.load_net(network, arch)
    chip = sanafe.SpikingChip(arch)
    chip.load(net)
    run = chip.sim(timesteps, spike_trace=True, perf_trace=True)
    spikes = [[[a.group_name, a.neuron_offset] for a in fired] for fired in run["spike_trace"]]
    print(json.dumps({"spikes": spikes, "messages": run["packets_sent"], "perf": run["perf_trace"]}))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
