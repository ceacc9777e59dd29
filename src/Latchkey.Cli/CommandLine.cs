using System.CommandLine;
using System.CommandLine.Help;
using System.Reflection;
using Latchkey.Cli.Doctor;
using Latchkey.Server.Admin;
using Latchkey.Storage;

namespace Latchkey.Cli;

/// <summary>The map of the program: every command, and what a failure of one looks like.</summary>
internal static class CommandLine
{
    /// <summary>Done.</summary>
    public const int Done = 0;

    /// <summary>Refused or failed.</summary>
    public const int Failed = 1;

    /// <summary>Used wrongly, or set up wrongly.</summary>
    public const int Misused = 2;

    /// <summary>The version as people write it.</summary>
    public static string Version { get; } = typeof(CommandLine).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion.Split('+')[0];

    /// <summary>Runs the program.</summary>
    /// <returns>The exit code.</returns>
    public static async Task<int> RunAsync(string[] args)
    {
        // A name that begins with @ is a name, not a file of arguments.
        var parsed = Build().Parse(args.Length == 0 ? ["--help"] : args, new ParserConfiguration { ResponseFileTokenReplacer = null });
        if (parsed.Errors.Count > 0 && parsed.Action is not HelpWithExample) return Misuse(parsed);
        try
        {
            return await parsed.InvokeAsync(new InvocationConfiguration { EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = null }).ConfigureAwait(false);
        }
        catch (SettingException exception)
        {
            return Say(exception.Message, Misused);
        }
        catch (AdministrationException exception)
        {
            return Say(exception.Message, Failed);
        }
        catch (DatabaseUnavailableException exception)
        {
            return Say(exception.Message, Failed);
        }
    }

    /// <summary>Every command of the program.</summary>
    public static RootCommand Build()
    {
        var root = Commands();
        root.Options.OfType<HelpOption>().Single().Action = new HelpWithExample();
        return root;
    }

    private static RootCommand Commands() => new("Latchkey, an OAuth 2.1 and OpenID Connect authorization server.")
    {
        ServeCommand.Create(),
        ApplyCommand.Create(),
        ClientCommands.Create(),
        ResourceCommands.Create(),
        TrustedIssuerCommands.Create(),
        UserCommands.Create(),
        KeyCommands.Create(),
        GrantCommands.Create(),
        SessionCommands.Create(),
        AuditCommands.Create(),
        BackupCommands.CreateBackup(),
        BackupCommands.CreateRestore(),
        MoveCommand.Create(),
        DoctorCommand.Create(),
        MockCommand.Create(),
    };

    private static int Misuse(ParseResult parsed) => Say($"{MisuseOf(parsed)}. See: {Path(parsed)} --help", Misused);

    // A command that can't run alone is told by the parser before the word that was no command of it.
    private static string MisuseOf(ParseResult parsed)
    {
        if (parsed.CommandResult.Command is not { Subcommands.Count: > 0 } command) return parsed.Errors[0].Message.TrimEnd('.');
        var verbs = string.Join(", ", command.Subcommands.Select(verb => verb.Name));
        return parsed.UnmatchedTokens is [var word, ..] ? $"There is no \"{word}\" here; use one of {verbs}" : $"A command is missing; use one of {verbs}";
    }

    private static string Path(ParseResult parsed)
    {
        var names = new List<string>();
        for (var command = parsed.CommandResult; command is not null; command = command.Parent as System.CommandLine.Parsing.CommandResult)
            names.Insert(0, command.Command is RootCommand ? "latchkey" : command.Command.Name);
        return string.Join(' ', names);
    }

    private static int Say(string sentence, int code)
    {
        Console.Error.WriteLine("latchkey: " + sentence);
        return code;
    }
}
