//! The command line with what clap has texts of its own for, in both languages: `-h`, `-V`, `help`, and the headings.

use clap::{Arg, ArgAction, Args, Command};

const OPTIONS: &str = "Options · 选项";

/// The command line that `Cli` is read from.
pub(super) fn command<Cli: Args>() -> Command {
    let help = Arg::new("help").short('h').long("help").action(ArgAction::Help).help("Print help · 显示帮助");
    let version =
        Arg::new("version").short('V').long("version").action(ArgAction::Version).help("Print version · 显示版本");
    // Last among the options, which come before the settings.
    let flags = [help, version].map(|flag| flag.global(true).display_order(1000).help_heading(OPTIONS));
    let command = Command::new("weft").disable_help_flag(true).disable_version_flag(true).args(flags);
    let mut command = Cli::augment_args(command);
    // Adds the `help` of each command that has others below it.
    command.build();
    translated(command)
}

fn translated(command: Command) -> Command {
    let command = command.subcommand_help_heading("Commands · 命令").mut_args(headed).mut_subcommands(translated);
    if command.get_name() == "help" {
        command.about("Print this help, or that of a command · 显示帮助")
    } else {
        command
    }
}

fn headed(argument: Arg) -> Arg {
    if argument.get_help_heading().is_some() {
        return argument;
    }
    let heading = if argument.is_positional() { "Arguments · 参数" } else { OPTIONS };
    argument.help_heading(heading)
}
