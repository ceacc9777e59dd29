using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;
using System.Runtime.CompilerServices;

namespace Latchkey.Cli;

/// <summary>The help of a command, with a command line that works at its end.</summary>
internal sealed class HelpWithExample : SynchronousCommandLineAction
{
    private static readonly ConditionalWeakTable<Command, string> Examples = [];

    private readonly HelpAction _help = new();

    // Even beside something that is wrong the help is what was asked for.
    public override bool ClearsParseErrors => true;

    /// <summary>Keeps an example beside a command, not in its description, which lists of commands show too.</summary>
    /// <param name="command">The command.</param>
    /// <param name="example">A command line that works.</param>
    /// <param name="remark">What else is to be known, printed before the example.</param>
    public static Command Remember(Command command, string example, string? remark)
    {
        Examples.Add(command, (remark is null ? "" : remark + "\n\n") + $"Example:\n  {example}");
        return command;
    }

    public override int Invoke(ParseResult parseResult)
    {
        var code = _help.Invoke(parseResult);
        if (Examples.TryGetValue(parseResult.CommandResult.Command, out var text))
        {
            parseResult.InvocationConfiguration.Output.WriteLine(text);
            parseResult.InvocationConfiguration.Output.WriteLine();
        }

        return code;
    }
}

internal static class CommandExamples
{
    /// <inheritdoc cref="HelpWithExample.Remember" />
    public static Command WithExample(this Command command, string example, string? remark = null) => HelpWithExample.Remember(command, example, remark);
}
