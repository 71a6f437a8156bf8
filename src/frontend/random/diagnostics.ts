import { defineDiagnostics } from "../../diagnostics/index.js";

export const randomDiagnostics = defineDiagnostics("random", {
  "arch-needed": { severity: "error", explain: "A network made from a seed needs --arch, or --config." },
  config: { severity: "error", explain: "The architecture has no published configuration of this name." },
  size: { severity: "error", explain: "The settings ask for a network too large to be held in memory." },
  rates: {
    severity: "error",
    explain:
      "The table of rates cannot be used: it is not readable JSON of the right form, names layers that the network does not have, or has another number of timesteps.",
  },
  rate: {
    severity: "error",
    explain:
      "A wanted firing rate cannot be reached by the batch norms in front of the layer; the message gives the nearest rate. Some neurons, such as those behind attention, have no batch norm of their own.",
  },
  profile: {
    severity: "warning",
    explain:
      "Layers have the wanted mean rates, but not those of each timestep: no mix of channels with different gamma and beta fires like that on the layer's inputs. The notes give the profiles that were reached. A picture held still, for example, lets no layer behind it fire most in the first timestep. Layers in front of an attention that is held to its own rate keep one gamma, so only their means are chosen.",
  },
});
