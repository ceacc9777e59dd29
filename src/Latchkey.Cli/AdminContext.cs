using System.CommandLine;
using Latchkey.Server;
using Latchkey.Server.Admin;
using Latchkey.Server.Login;
using Latchkey.Storage;

namespace Latchkey.Cli;

/// <summary>What an administrative command works on: the database of <c>--data</c> or <c>--database</c>, also while a server runs on it.</summary>
internal sealed class AdminContext : IAsyncDisposable
{
    /// <summary>Who did it, in the audit.</summary>
    public const string Actor = "cli";

    private readonly string _data;
    private ServiceProvider? _services;
    private UserDirectory? _directory;

    private AdminContext(string data, Database database, Output output) => (_data, Database, Output) = (data, database, output);

    public Database Database { get; }

    public Output Output { get; }

    public TimeProvider Clock { get; } = TimeProvider.System;

    public long Now => Clock.GetUtcNow().ToUnixTimeMilliseconds();

    public ClientAdministration Clients => new(Database, Clock, Actor);

    public ResourceAdministration Resources => new(Database, Clock, Actor);

    public TrustedIssuerAdministration TrustedIssuers => new(Database, Clock, Actor);

    public UserAdministration Users => new(Database, _directory ??= new UserDirectory(Database, Options, Clock), Clock, Actor);

    public GrantAdministration Grants => new(Database, Clock, Actor);

    public SessionAdministration Sessions => new(Database, Clock, Actor);

    /// <summary>What needs the key ring.</summary>
    public IServiceProvider Services => _services ??= BuildServices();

    // The server's own options matter to none of these commands; an issuer is asked for, but never written.
    private static ServerOptions Options { get; } = new() { Issuer = "http://localhost" };

    /// <summary>Opens the database and brings its schema to this version.</summary>
    /// <param name="parsed">The command line.</param>
    /// <param name="creates">Whether a database that is not there is made: for what adds things.</param>
    /// <exception cref="SettingException">There is no such database, or it can't be used.</exception>
    public static async Task<AdminContext> OpenAsync(ParseResult parsed, bool creates)
    {
        var sources = new SettingSources(parsed, Environment.GetEnvironmentVariable, new Dictionary<string, DeclaredSetting>());
        var data = Path.GetFullPath(sources.Find(Setting.Data)?.Text ?? DataFolder.Default);
        var path = DataFolder.DatabasePath(sources.Find(Setting.Database), data);
        if (!creates && !File.Exists(path))
            throw new SettingException($"There is no database {path}; name the server's data folder with --data, or its database with --database.");
        DataFolder.Create(data, path);
        var database = DataFolder.Open(path);
        await database.MigrateAsync().ConfigureAwait(false);
        return new AdminContext(data, database, new Output(parsed.GetValue(AdminCommand.Json)));
    }

    public async ValueTask DisposeAsync()
    {
        if (_services is not null) await _services.DisposeAsync().ConfigureAwait(false);
        _directory?.Dispose();
        await Database.DisposeAsync().ConfigureAwait(false);
    }

    private ServiceProvider BuildServices()
    {
        var services = new ServiceCollection();
        services.AddLogging();
        ServerHost.AddDataProtection(services, _data);
        services.AddLatchkeyServer(Options, Database);
        return services.BuildServiceProvider();
    }
}
