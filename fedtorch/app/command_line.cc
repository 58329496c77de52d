#include "fedtorch/app/app.h"
#include "fedtorch/app/commands.h"
#include "fedtorch/app/completion.h"
#include "fedtorch/app/load.h"
#include "fedtorch/core/errors.h"
#include "fedtorch/engine/torchscript_module.h"
#include "fedtorch/version.h"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <functional>
#include <iostream>
#include <new>

namespace fedtorch::app {
namespace {

constexpr int kUsageError = 2;

// Owns what the options are parsed into, and what to do then.
struct Parsed {
  RunOptions run;
  ResumeOptions resume;
  ValidateOptions validate;
  ListOptions list;
  DescribeOptions describe;
  bool schema_markdown = false;
  Format doctor_format = Format::kText;
  BenchOptions bench;
  RowsOptions rows;
  SweepCommandOptions sweep;
  ReportCommandOptions report;
  std::string shell;
  std::function<int()> action;
};

void AddFormat(CLI::App* app, Format* format) {
  app->add_option("--format", *format, "text, or json for one JSON document")
      ->transform(CLI::Transformer(std::map<std::string, Format>{
          {"text", Format::kText}, {"json", Format::kJson}}))
      ->type_name("text|json");
}

void AddSource(CLI::App* app, ConfigSource* source, bool required) {
  auto* files = app->add_option("-c,--config",
                                source->files,
                                "Config file; given twice, the later wins")
                    ->type_name("FILE")
                    ->allow_extra_args(false);
  if (required) files->required();
  app->add_option("overrides",
                  source->overrides,
                  "key.path=value, +key=value (new), ~key (removed)")
      ->type_name("KEY=VALUE");
}

void AddProgress(CLI::App* app, std::string* progress, bool* quiet) {
  app->add_option(
         "--progress", *progress, "Progress on stderr: auto, bar, plain, none")
      ->check(CLI::IsMember({"auto", "bar", "plain", "none"}))
      ->type_name("MODE");
  app->add_flag("-q,--quiet", *quiet, "No progress, no summary");
}

void BuildRun(CLI::App* app, Parsed* parsed) {
  RunOptions& options = parsed->run;
  AddSource(app, &options.source, true);
  app->add_option("-o,--output",
                  options.output_dir,
                  "Folder of run directories (output.dir)")
      ->type_name("DIR");
  app->add_option("--name", options.name, "Name of the experiment (name)")
      ->type_name("NAME");
  app->add_option("--seed", options.seed, "Master seed (seed)")->type_name("N");
  app->add_option("--threads", options.threads, "Workers (runtime.threads)")
      ->type_name("N");
  app->add_option("--device",
                  options.device,
                  "Where clients train: auto, cpu, cuda, cuda:N "
                  "(runtime.device)")
      ->type_name("DEVICE");
  app->add_option("--resume",
                  options.resume,
                  "auto: continue the newest unfinished run of this config; "
                  "never; or a run directory")
      ->expected(0, 1)
      ->default_str("auto")
      ->type_name("auto|never|DIR");
  app->add_flag("--dry-run",
                options.dry_run,
                "Print the plan with estimates; train and write nothing");
  app->add_option("--print-config,--cfg",
                  options.print_config,
                  "Print the resolved config and stop")
      ->expected(0, 1)
      ->default_str("yaml")
      ->check(CLI::IsMember({"yaml", "json"}))
      ->type_name("yaml|json");
  AddProgress(app, &options.progress, &options.quiet);
  AddFormat(app, &options.format);
  app->final_callback(
      [parsed] { parsed->action = [parsed] { return Run(parsed->run); }; });
}

std::string Joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words)
    text += (text.empty() ? "" : ", ") + word;
  return text;
}

void BuildBench(CLI::App* app, Parsed* parsed) {
  auto* bench = app->add_subcommand(
      "bench", "Measure this machine, training steps, or whole rounds");
  bench
      ->add_option("what",
                   parsed->bench.what,
                   "peak (one core), step (autograd and plan), round "
                   "(standard jobs) or aggregate (robust rules)")
      ->type_name("WHAT")
      ->required();
  bench
      ->add_option("names",
                   parsed->bench.names,
                   "Which of them; all when none is named. step: " +
                       Joined(BenchNames("step")) +
                       "; round: " + Joined(BenchNames("round")) +
                       "; aggregate: " + Joined(BenchNames("aggregate")))
      ->type_name("NAME");
  bench
      ->add_option("--threads",
                   parsed->bench.threads,
                   "Workers of round, without it 1, then one a core; threads "
                   "of aggregate, without it one a core")
      ->check(CLI::PositiveNumber)
      ->type_name("N");
  auto* rows =
      bench
          ->add_option(
              "--rows", parsed->bench.rows, "Updates that aggregate joins")
          ->check(CLI::Range(8, 100000))
          ->type_name("N");
  auto* dimension =
      bench
          ->add_option(
              "--dimension", parsed->bench.dimension, "Values of each of them")
          ->check(CLI::Range(1, 1000000000))
          ->type_name("D");
  AddFormat(bench, &parsed->bench.format);
  bench->final_callback([parsed, rows, dimension] {
    parsed->bench.sized = rows->count() + dimension->count() > 0;
    parsed->action = [parsed] { return Bench(parsed->bench); };
  });
}

void AddRows(CLI::App* command, RowsOptions* options) {
  command
      ->add_option("input",
                   options->input,
                   "Rows of numbers: a CSV file without header, or NPY")
      ->type_name("INPUT")
      ->required();
  command
      ->add_option("--pre",
                   options->stages,
                   "Pre-aggregator, e.g. '{name: nnm, f: 1}'; repeatable, in "
                   "order")
      ->type_name("YAML")
      ->take_all()
      ->expected(1);
  command
      ->add_option(
          "--precision", options->precision, "Arithmetic: float32 or float64")
      ->check(CLI::IsMember({"float32", "float64"}))
      ->type_name("TYPE");
  command
      ->add_option("--declared-f",
                   options->declared_f,
                   "Adversaries the defence is told of, for f: auto")
      ->check(CLI::NonNegativeNumber)
      ->type_name("N");
  command
      ->add_option(
          "--previous", options->previous, "File of the last round's aggregate")
      ->type_name("FILE");
  command->add_option("--model", options->model, "File of the global model")
      ->type_name("FILE");
  command
      ->add_option("--server-update",
                   options->server_update,
                   "File of the server's own update (fltrust)")
      ->type_name("FILE");
  command->add_option("--seed", options->seed, "Seed of what is drawn")
      ->check(CLI::NonNegativeNumber)
      ->type_name("N");
  command->add_option("--round", options->round, "Round that is played")
      ->check(CLI::PositiveNumber)
      ->type_name("N");
}

void BuildRows(CLI::App* app, Parsed* parsed) {
  auto* aggregate = app->add_subcommand(
      "aggregate", "Join the rows of a file by a defence; prints JSON");
  AddRows(aggregate, &parsed->rows);
  aggregate
      ->add_option("--rule",
                   parsed->rows.rule,
                   "Rule, e.g. krum or '{name: krum, f: 1}'")
      ->type_name("YAML")
      ->required();
  aggregate->final_callback([parsed] {
    parsed->action = [parsed] { return Aggregate(parsed->rows); };
  });
  auto* attack = app->add_subcommand(
      "attack", "Craft what adversaries send beside the rows; prints JSON");
  AddRows(attack, &parsed->rows);
  attack
      ->add_option("--attack",
                   parsed->rows.attack,
                   "Attack, e.g. '{name: ipm, epsilon: 2}'")
      ->type_name("YAML")
      ->required();
  attack
      ->add_option("--num-byzantine",
                   parsed->rows.num_byzantine,
                   "Adversaries, who come beside the rows")
      ->check(CLI::PositiveNumber)
      ->type_name("N");
  attack
      ->add_option(
          "--rule", parsed->rows.rule, "Rule that the adversaries know of")
      ->type_name("YAML");
  attack
      ->add_option("--own",
                   parsed->rows.own,
                   "File of the adversaries' own honest updates, a row each")
      ->type_name("FILE");
  attack->final_callback(
      [parsed] { parsed->action = [parsed] { return Attack(parsed->rows); }; });
}

void BuildSweep(CLI::App* app, Parsed* parsed) {
  SweepCommandOptions& options = parsed->sweep;
  auto* sweep = app->add_subcommand(
      "sweep", "Run many trials: key=a,b,c, key=range(..), or a sweep section");
  AddSource(sweep, &options.source, true);
  sweep
      ->add_option(
          "--seeds", options.seeds, "Seeds of each trial (sweep.seeds)")
      ->check(CLI::PositiveNumber)
      ->type_name("N");
  sweep
      ->add_option("-j,--jobs",
                   options.jobs,
                   "Trials at a time; without it as many as there are cores")
      ->check(CLI::PositiveNumber)
      ->type_name("N");
  sweep
      ->add_option(
          "--shard", options.shard, "Only trials whose number % n is i")
      ->type_name("I/N");
  sweep
      ->add_option("--dir",
                   options.directory,
                   "Folder of the sweep (<output.dir>/<name>-sweep)")
      ->type_name("DIR");
  sweep->add_flag(
      "--dry-run", options.dry_run, "List the trials; run and write nothing");
  sweep->add_flag("--retry-failed",
                  options.retry_failed,
                  "Run trials again that failed or diverged");
  sweep->add_flag("-q,--quiet", options.quiet, "No progress, no table");
  AddFormat(sweep, &options.format);
  sweep->final_callback(
      [parsed] { parsed->action = [parsed] { return Sweep(parsed->sweep); }; });
}

void BuildReport(CLI::App* app, Parsed* parsed) {
  ReportCommandOptions& options = parsed->report;
  auto* report =
      app->add_subcommand("report", "Write what a sweep found as one page");
  report->add_option("directory", options.directory, "Folder of a sweep")
      ->type_name("DIR")
      ->required();
  report
      ->add_option("-o,--output",
                   options.page,
                   "The HTML file (DIR/report.html); its pictures go into a "
                   "folder beside it")
      ->type_name("FILE");
  report
      ->add_option(
          "--metric", options.metric, "What is compared (test/accuracy)")
      ->type_name("NAME");
  report->add_flag("--no-provenance",
                   options.no_provenance,
                   "Leave out machine, program and times: equal results then "
                   "give equal bytes");
  AddFormat(report, &options.format);
  report->final_callback([parsed] {
    parsed->action = [parsed] { return Report(parsed->report); };
  });
}

void BuildOthers(CLI::App* app, Parsed* parsed) {
  auto* resume = app->add_subcommand("resume", "Continue a stopped run");
  resume->add_option("directory", parsed->resume.directory, "Run directory")
      ->type_name("DIR")
      ->required();
  resume
      ->add_option(
          "--rounds", parsed->resume.rounds, "New total number of rounds")
      ->type_name("N");
  resume->add_option("--threads", parsed->resume.threads, "Workers")
      ->type_name("N");
  resume->add_option("--device", parsed->resume.device, "Where clients train")
      ->type_name("DEVICE");
  AddProgress(resume, &parsed->resume.progress, &parsed->resume.quiet);
  AddFormat(resume, &parsed->resume.format);
  resume->final_callback([parsed] {
    parsed->action = [parsed] { return Resume(parsed->resume); };
  });

  auto* validate = app->add_subcommand(
      "validate", "Report every problem of a config at once");
  AddSource(validate, &parsed->validate.source, true);
  validate->add_flag("--deep",
                     parsed->validate.deep,
                     "Also read the data, build the model, take a step");
  AddFormat(validate, &parsed->validate.format);
  validate->final_callback([parsed] {
    parsed->action = [parsed] { return Validate(parsed->validate); };
  });

  auto* list = app->add_subcommand("list", "List kinds or runs");
  list->add_option("what",
                   parsed->list.what,
                   "datasets, partitions, models, selections, algorithms, "
                   "pre_aggregators, aggregators, attacks, optimizers or runs")
      ->type_name("WHAT");
  list->add_option("--dir", parsed->list.runs_dir, "Where runs are")
      ->type_name("DIR");
  AddFormat(list, &parsed->list.format);
  list->final_callback(
      [parsed] { parsed->action = [parsed] { return List(parsed->list); }; });

  auto* describe = app->add_subcommand(
      "describe", "Describe a kind, or a config's data or model, or a run");
  describe
      ->add_option(
          "what", parsed->describe.what, "Name of a kind, data, model, or run")
      ->type_name("WHAT")
      ->required();
  AddSource(describe, &parsed->describe.source, false);
  AddFormat(describe, &parsed->describe.format);
  describe->final_callback([parsed] {
    parsed->action = [parsed] {
      DescribeOptions& options = parsed->describe;
      auto& words = options.source.overrides;
      if (options.what == "run") {
        if (words.empty()) {
          throw core::ConfigError(
              "describe run: expected a run directory after it");
        }
        options.target = words.front();
      }
      return Describe(options);
    };
  });

  auto* schema = app->add_subcommand(
      "schema", "Print the JSON Schema of a config, for editors");
  schema->add_flag("--markdown",
                   parsed->schema_markdown,
                   "Print the reference of all keys instead");
  schema->final_callback([parsed] {
    parsed->action = [parsed] { return PrintSchema(parsed->schema_markdown); };
  });

  auto* doctor = app->add_subcommand(
      "doctor", "Say what was found on this machine, and how fast it is");
  AddFormat(doctor, &parsed->doctor_format);
  doctor->final_callback([parsed] {
    parsed->action = [parsed] { return Doctor(parsed->doctor_format); };
  });

  BuildSweep(app, parsed);
  BuildReport(app, parsed);
  BuildBench(app, parsed);
  BuildRows(app, parsed);

  auto* completion = app->add_subcommand(
      "completion", "Print the completion script of a shell");
  completion->add_option("shell", parsed->shell, "bash, zsh or fish")
      ->check(CLI::IsMember({"bash", "zsh", "fish"}))
      ->type_name("SHELL")
      ->required();
  completion->final_callback([app, parsed] {
    parsed->action = [app, parsed] {
      std::cout << CompletionScript(*app, parsed->shell);
      return 0;
    };
  });
}

// CLI11 would say only "extras"; a mistyped word deserves its neighbour.
void RefuseExtras(const CLI::App& command) {
  const std::vector<std::string> extras = command.remaining();
  if (extras.empty()) return;
  std::vector<std::string> names;
  for (const CLI::Option* option : command.get_options()) {
    for (const std::string& name : option->get_lnames()) {
      names.push_back("--" + name);
    }
  }
  std::string word = extras.front();
  const std::string name = word.substr(0, word.find('='));
  throw core::ConfigError(command.get_name() + ": unknown " +
                          (name[0] == '-' ? "option '" : "word '") + name +
                          "'" + DidYouMean(name, names) + "; see fedrun " +
                          command.get_name() + " --help");
}

// Overrides are the only free words, so a word without '=' is a mistake.
void CheckOverrides(const ConfigSource& source) {
  for (const std::string& word : source.overrides) {
    if (word.find('=') == std::string::npos && word[0] != '~') {
      throw core::ConfigError(
          "expected key=value, +key=value or ~key, found '" + word + "'");
    }
  }
}

int Dispatch(std::vector<std::string> words) {
  CLI::App app(
      "fedrun: simulates federated learning from one YAML file.\n"
      "Short form: fedrun --config FILE [key=value ...]",
      "fedrun");
  app.set_version_flag("--version", "fedtorch " FEDTORCH_VERSION);
  Parsed parsed;
  auto* run = app.add_subcommand("run", "Train a federation");
  BuildRun(run, &parsed);
  BuildOthers(&app, &parsed);
  app.footer(
      "Exit codes: 0 ok, 1 run failed, 2 usage or config, 3 diverged, "
      "4 data missing or corrupt, 5 sweep with failed trials, 70 internal, 75 "
      "stopped with a "
      "checkpoint, 130 interrupted.");
  std::vector<std::string> names;
  for (CLI::App* command : app.get_subcommands({})) {
    command->allow_extras();
    names.push_back(command->get_name());
  }
  if (words.empty()) {
    std::cout << app.help();
    return kUsageError;
  }
  const std::string first = words.front();
  const bool top_level =
      first == "--help" || first == "-h" || first == "--version";
  if (!top_level && first[0] == '-') {
    words.insert(words.begin(), "run");
  } else if (!top_level &&
             std::find(names.begin(), names.end(), first) == names.end()) {
    std::string known;
    for (const std::string& name : names) known += " " + name;
    throw core::ConfigError("unknown command '" + first + "'" +
                            DidYouMean(first, names) +
                            "; known commands:" + known);
  }
  parsed.run.command_line = words;
  parsed.resume.command_line = words;
  parsed.sweep.command_line = words;
  std::reverse(words.begin(), words.end());  // CLI11 takes them from the back
  try {
    app.parse(words);
  } catch (const CLI::Success& success) {
    return app.exit(success);
  } catch (const CLI::ParseError& error) {
    // A missing required option may be a mistyped one.
    for (const CLI::App* command : app.get_subcommands()) {
      RefuseExtras(*command);
    }
    throw core::ConfigError(std::string(error.what()) + "; see fedrun --help");
  }
  for (const CLI::App* command : app.get_subcommands()) {
    RefuseExtras(*command);
  }
  if (!app.got_subcommand("describe")) {
    CheckOverrides(parsed.run.source);
    CheckOverrides(parsed.validate.source);
    CheckOverrides(parsed.sweep.source);
  }
  return parsed.action();
}

}  // namespace

int RunMain(int argc, char** argv) {
  try {
    engine::UseTorchscript();
    return Dispatch(std::vector<std::string>(argv + 1, argv + argc));
  } catch (const core::ConfigError& error) {
    std::cerr << error.what() << '\n';
    return kUsageError;
  } catch (const core::DataError& error) {
    std::cerr << "error: " << error.what() << '\n';
    return 4;
  } catch (const core::Diverged& error) {
    std::cerr << "error: " << error.what() << '\n';
    return 3;
  } catch (const core::RunError& error) {
    std::cerr << "error: " << error.what() << '\n';
    return 1;
  } catch (const std::bad_alloc&) {
    std::cerr << "error: out of memory; use fewer threads, a smaller model or "
                 "smaller data\n";
    return 1;
  } catch (const std::exception& error) {
    std::cerr << "error: " << error.what() << '\n';
    return 70;
  }
}

}  // namespace fedtorch::app
