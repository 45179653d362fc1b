// Which process of how many this is, as launchers tell it in the environment.
#include <millrace/detail/environment.hpp>
#include <millrace/peers.hpp>

#include <charconv>
#include <string>

namespace millrace {
namespace {

/// The variables of one launcher. srun tells how many ranks a machine has only when it was told itself.
struct Launcher {
  const char *size, *rank, *local_rank, *local_size;
};

// Slurm's step variables only count below srun: sbatch sets SLURM_NTASKS for the batch script as well.
constexpr Launcher kLaunchers[] = {
    {"OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_LOCAL_RANK", "OMPI_COMM_WORLD_LOCAL_SIZE"},
    {"PMI_SIZE", "PMI_RANK", "MPI_LOCALRANKID", "MPI_LOCALNRANKS"},
    {"SLURM_STEP_NUM_TASKS", "SLURM_PROCID", "SLURM_LOCALID", "SLURM_NTASKS_PER_NODE"},
};

int number(const char* variable, int otherwise) {
  const std::string text = environment(variable);
  int value = otherwise;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

}  // namespace

RankInfo launched_ranks() {
  if (number("MILLRACE_ALONE", 0) != 0) return {};
  for (const Launcher& launcher : kLaunchers) {
    const int size = number(launcher.size, 0), rank = number(launcher.rank, -1);
    if (size < 1 || rank < 0 || rank >= size) continue;
    return {rank, size, number(launcher.local_rank, 0), number(launcher.local_size, 0)};
  }
  return {};
}

}  // namespace millrace
