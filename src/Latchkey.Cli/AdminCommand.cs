using System.CommandLine;

namespace Latchkey.Cli;

/// <summary>What all administrative commands have in common.</summary>
internal static class AdminCommand
{
    /// <summary>Answers as JSON.</summary>
    public static readonly Option<bool> Json = new("--json") { Description = "Print JSON" };

    /// <summary>Describes a command that works on the database.</summary>
    /// <param name="name">The verb.</param>
    /// <param name="description">One line.</param>
    /// <param name="example">A command line that works.</param>
    /// <param name="run">Does it; throws to refuse.</param>
    /// <param name="symbols">Its own arguments and options.</param>
    public static Command Create(string name, string description, string example, Func<AdminContext, ParseResult, Task> run, params ReadOnlySpan<Symbol> symbols) =>
        Describe(name, description, example, creates: false, run, symbols);

    /// <summary>The same for a command that may be the first one on a new data folder.</summary>
    public static Command CreateFirst(string name, string description, string example, Func<AdminContext, ParseResult, Task> run, params ReadOnlySpan<Symbol> symbols) =>
        Describe(name, description, example, creates: true, run, symbols);

    /// <summary>A number of rows.</summary>
    public static Option<int> Limit(int fallback) => new("--limit") { Description = "How many at most", HelpName = "N", DefaultValueFactory = _ => fallback };

    private static Command Describe(
        string name, string description, string example, bool creates, Func<AdminContext, ParseResult, Task> run, ReadOnlySpan<Symbol> symbols)
    {
        var command = new Command(name, description).WithExample(example);
        foreach (var symbol in symbols)
        {
            if (symbol is Argument argument) command.Arguments.Add(argument);
            else command.Options.Add((Option)symbol);
        }

        command.Options.Add(Setting.Data.Option);
        command.Options.Add(Setting.Database.Option);
        command.Options.Add(Setting.KeyEncryptionKey.Option);
        command.Options.Add(Json);
        command.SetAction(async (parsed, _) =>
        {
            var context = await AdminContext.OpenAsync(parsed, creates).ConfigureAwait(false);
            await using (context.ConfigureAwait(false))
            {
                await run(context, parsed).ConfigureAwait(false);
            }

            return CommandLine.Done;
        });
        return command;
    }
}
