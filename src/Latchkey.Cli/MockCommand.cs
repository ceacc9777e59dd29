using System.CommandLine;
using System.Runtime.InteropServices;
using Latchkey.Server.Admin;
using Latchkey.Testing;

namespace Latchkey.Cli;

/// <summary><c>latchkey mock</c>: the test authority as a program, for tests in any language.</summary>
internal static class MockCommand
{
    private static readonly Option<string> Urls = new("--urls")
    {
        Description = "The address to listen on: http on 127.0.0.1. A free port unless set",
        HelpName = "http://127.0.0.1:PORT",
    };

    private static readonly Option<string[]> Config = new("--config")
    {
        Description = "Declared state with further clients, resources and users. May be repeated",
        HelpName = "FILE.json",
        Arity = ArgumentArity.OneOrMore,
    };

    private static readonly Option<string> ApproveAs = new("--approve-as")
    {
        Description = "Who signs in and allows everything at once",
        HelpName = "NAME",
        DefaultValueFactory = _ => "alice",
    };

    private static readonly Option<bool> Pages = new("--pages") { Description = "Show the pages instead: nobody signs in by themselves" };

    /// <summary>Describes the command.</summary>
    public static Command Create()
    {
        var command = new Command("mock", "Run a throw-away server for tests: ready clients and people, approval without pages, faults at will.") { Urls, Config, ApproveAs, Pages }
            .WithExample("latchkey mock --urls http://127.0.0.1:5100", "Nothing is kept, and its secrets are public: for tests only. A test steers it below /_mock.");
        command.SetAction((parsed, _) => RunAsync(parsed));
        return command;
    }

    private static async Task<int> RunAsync(ParseResult parsed)
    {
        var port = Port(parsed.GetValue(Urls));
        var files = (parsed.GetValue(Config) ?? []).Select(Read).ToList();
        try
        {
            var authority = await TestAuthority.StartAsync(options =>
            {
                (options.Listen, options.Port, options.RunClock, options.WithControl) = (Listening.Loopback, port, true, true);
                if (!parsed.GetValue(Pages)) options.ApproveAs = parsed.GetValue(ApproveAs);
                foreach (var file in files) options.AddDeclared(file);
            }).ConfigureAwait(false);
            await using (authority.ConfigureAwait(false))
            {
                Console.Out.WriteLine($"Latchkey {CommandLine.Version} mock listening on {authority.Issuer}");
                await EndAsync().ConfigureAwait(false);
            }

            return CommandLine.Done;
        }
        catch (IOException exception)
        {
            throw new SettingException($"Listening on port {port} failed: {exception.Message.TrimEnd('.')}; choose another with --urls.", exception);
        }
        catch (Exception exception) when (exception is AdministrationException or ArgumentException)
        {
            throw new SettingException(exception.Message, exception);
        }
    }

    // SIGTERM or Ctrl-C.
    private static async Task EndAsync()
    {
        var ended = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        void End(PosixSignalContext context)
        {
            context.Cancel = true;
            ended.TrySetResult();
        }

        using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, End);
        using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, End);
        await ended.Task.ConfigureAwait(false);
    }

    private static int Port(string? url)
    {
        if (url is null) return 0;
        return Uri.TryCreate(url, UriKind.Absolute, out var address) && address is { Scheme: "http", Host: "127.0.0.1", AbsolutePath: "/" }
            ? address.Port
            : throw new SettingException($"--urls has \"{url}\"; the mock listens only on this computer: write http://127.0.0.1:PORT.");
    }

    private static string Read(string file)
    {
        try
        {
            return File.ReadAllText(file);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new SettingException($"The configuration file {file} can't be read; give the path of a file that this user may read.", exception);
        }
    }
}
