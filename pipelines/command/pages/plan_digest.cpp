// An object of nlohmann::json keeps its keys sorted, one of ordered_json as they were put.
#include "plan_digest.hpp"

#include <millrace/digest.hpp>

#include <nlohmann/json.hpp>

namespace millrace::pipelines {

nlohmann::ordered_json with_sorted_keys(const nlohmann::ordered_json& plan) {
  return nlohmann::ordered_json(nlohmann::json(plan));
}

std::string plan_digest(const nlohmann::ordered_json& plan) {
  nlohmann::json same = plan;
  for (const char* key : {"device", "threads", "memory", "memory_bound_bytes", "memory_of_process", "possible_memory"})
    same.erase(key);
  for (nlohmann::json& plugin : same["plugins"]) plugin.erase("file");
  return sha256_hex(same.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
}

}  // namespace millrace::pipelines
