using System.CommandLine;
using System.Net.Sockets;
using System.Security.Cryptography;
using Latchkey.Server.Admin;
using Latchkey.Storage;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;

namespace Latchkey.Cli;

/// <summary><c>latchkey serve</c>: runs the server until it is told to stop.</summary>
internal static class ServeCommand
{
    private const string ConfigVariable = "LATCHKEY_CONFIG";

    /// <summary>The files of declared state.</summary>
    public static readonly Option<string[]> Config = new("--config")
    {
        Description = "Declared state: settings, clients, resources and users, applied at start. May be repeated",
        HelpName = "FILE.json",
        Arity = ArgumentArity.OneOrMore,
    };

    /// <summary>Describes the command.</summary>
    public static Command Create()
    {
        var command = new Command("serve", "Run the server until SIGTERM or Ctrl-C.") { Config }.WithExample(
            "latchkey serve --issuer http://127.0.0.1:5100 --data ./data --config latchkey.json",
            "Each flag is also an environment variable (--log-level is LATCHKEY_LOG_LEVEL) and a key of the configuration file (settings.log_level).");
        foreach (var setting in Setting.All) command.Options.Add(setting.Option);
        command.SetAction((parsed, _) => RunAsync(parsed));
        return command;
    }

    private static async Task<int> RunAsync(ParseResult parsed)
    {
        WebApplication? app = null;
        // Loading OpenSSL takes as long as putting the services together, so it goes on beside that.
        _ = Task.Run(static () => SHA256.HashData([]));
        try
        {
            var settings = Read(parsed);
            app = ServerHost.Build(settings);
            await StartAsync(app, settings).ConfigureAwait(false);
            var addresses = app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses;
            Console.Out.WriteLine($"Latchkey {CommandLine.Version} listening on {string.Join(", ", addresses)} (issuer {settings.Options.Issuer})");
            var stopped = app.WaitForShutdownAsync();
            _ = GiveBackAsync();
            var broken = app.Services.GetRequiredService<Database>().Broken;
            if (await Task.WhenAny(stopped, broken).ConfigureAwait(false) == broken) Abort(await broken.ConfigureAwait(false));
            await stopped.ConfigureAwait(false);
            return CommandLine.Done;
        }
        catch (Exception exception) when (exception is AdministrationException or DatabaseUnavailableException)
        {
            throw new SettingException(exception.Message, exception);
        }
        finally
        {
            if (app is not null)
            {
                // The database goes last: until then the services write what they still hold.
                var database = app.Services.GetRequiredService<Database>();
                await app.DisposeAsync().ConfigureAwait(false);
                await database.DisposeAsync().ConfigureAwait(false);
            }
        }
    }

    /// <summary>Gives back to the system, once, the memory that only the start needed: a server that nobody asks is small.</summary>
    private static async Task GiveBackAsync()
    {
        await Task.Delay(TimeSpan.FromSeconds(1), TimeProvider.System).ConfigureAwait(false);
        GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
    }

    /// <summary>Ends at once, as a crash would: closing the database would ask its disk again.</summary>
    private static void Abort(string reason)
    {
        Console.Error.WriteLine("latchkey: " + reason);
        Environment.Exit(CommandLine.Failed);
    }

    /// <summary>The files that are named by flag, else by the variable.</summary>
    public static IReadOnlyList<string> Files(ParseResult parsed) => parsed.GetResult(Config) is { Implicit: false }
        ? parsed.GetValue(Config)!
        : Environment.GetEnvironmentVariable(ConfigVariable)?.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries) ?? [];

    private static ServeSettings Read(ParseResult parsed)
    {
        var state = DeclaredStateReader.ReadFiles(Files(parsed), Setting.Keys, Environment.GetEnvironmentVariable);
        return ServeSettings.Read(new SettingSources(parsed, Environment.GetEnvironmentVariable, state.Settings), state);
    }

    private static async Task StartAsync(WebApplication app, ServeSettings settings)
    {
        try
        {
            await app.StartAsync().ConfigureAwait(false);
        }
        catch (Exception exception) when (exception is IOException or SocketException)
        {
            var where = string.Join(", ", settings.Addresses);
            var reason = ((exception as SocketException) ?? (exception.GetBaseException() as SocketException))?.SocketErrorCode switch
            {
                SocketError.AddressAlreadyInUse => $"The address {where} is in use by another program; end it, or choose another address with --urls or --issuer",
                SocketError.AccessDenied => $"This user may not listen on {where}; choose a port above 1023 with --urls, or grant the right",
                SocketError.AddressNotAvailable => $"The address {where} is not an address of this computer; choose another with --urls",
                _ => $"Listening on {where} failed: {exception.Message.TrimEnd('.')}",
            };
            throw new SettingException(reason + ".", exception);
        }
    }
}
