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

    // What an operator asks for may touch many rows.
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(10);

    private readonly string _data;
    private readonly bool _isShared;
    private readonly byte[]? _key;
    private ServiceProvider? _services;
    private UserDirectory? _directory;

    private AdminContext(string data, bool isShared, byte[]? key, Database database, Output output) =>
        (_data, _isShared, _key, Database, Output) = (data, isShared, key, database, output);

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
        var address = DatabaseAddress.Read(sources.Find(Setting.Database), data);
        if (address.IsFile && !creates && !File.Exists(address.Path))
            throw new SettingException($"There is no database {address.Path}; name the server's data folder with --data, or its database with --database.");
        var key = KeyRingSetup.ReadKey(sources);
        if (address.IsFile) DataFolder.Create(data);
        var database = address.Open(Patience);
        try
        {
            await database.MigrateAsync().ConfigureAwait(false);
        }
        catch (DatabaseUnavailableException exception) when (!address.IsFile)
        {
            await database.DisposeAsync().ConfigureAwait(false);
            throw new SettingException(exception.Message, exception);
        }

        return new AdminContext(data, isShared: !address.IsFile, key, database, new Output(parsed.GetValue(AdminCommand.Json)));
    }

    /// <summary>What needs the key ring.</summary>
    /// <exception cref="SettingException">It can't be opened.</exception>
    public async Task<IServiceProvider> ServicesAsync()
    {
        if (_services is not null) return _services;
        _services = BuildServices();
        await _services.PrepareKeyRingAsync(_isShared).ConfigureAwait(false);
        return _services;
    }

    /// <summary>The data folder and the database's file that a command line and the environment name.</summary>
    /// <exception cref="SettingException">The database is of a kind that there is not.</exception>
    public static (string Data, string Path) Locate(ParseResult parsed)
    {
        var sources = new SettingSources(parsed, Environment.GetEnvironmentVariable, new Dictionary<string, DeclaredSetting>());
        var data = Path.GetFullPath(sources.Find(Setting.Data)?.Text ?? DataFolder.Default);
        var address = DatabaseAddress.Read(sources.Find(Setting.Database), data);
        return address.IsFile ? (data, address.Path) : throw new SettingException("The database is PostgreSQL's; back it up and restore it with PostgreSQL's own programs, such as pg_dump.");
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
        services.AddKeyRing(_data, Database, _isShared, _key);
        services.AddLatchkeyServer(Options, Database);
        return services.BuildServiceProvider();
    }
}
