using Latchkey.Server.Keys;
using Latchkey.Server.Profiles;
using Latchkey.Storage;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Latchkey.Server.Configuration;

/// <summary>
/// Keeps the node's configuration current: polls the version once a second and reads everything again when it moved.
/// </summary>
internal sealed partial class ConfigurationSource(
    Database database, KeyVault vault, KeyKeeper keeper, ServerOptions options, TimeProvider clock, ILogger<ConfigurationSource> logger) : BackgroundService
{
    private static readonly TimeSpan PollInterval = TimeSpan.FromSeconds(1);

    // Nodes judge times that other nodes wrote. One that is far off would end what is good, or keep what is over.
    private static readonly TimeSpan SuspectOffset = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan IntolerableOffset = TimeSpan.FromSeconds(5);

    private readonly SemaphoreSlim _loading = new(1, 1);
    private volatile ServerConfiguration? _current;
    private volatile bool _isClockOff;
    private bool _isClockSuspect;

    /// <summary>Whether this node's clock and the database's are further apart than a node may be.</summary>
    public bool IsClockOff => _isClockOff;

    /// <summary>The configuration as of now.</summary>
    public ServerConfiguration Current => _current ?? throw new InvalidOperationException("The configuration has not been loaded.");

    /// <summary>Whether it was loaded at all, so that requests can be answered.</summary>
    public bool IsLoaded => _current is not null;

    /// <summary>Reads the configuration now if it moved; called at start and after a change of our own.</summary>
    public async Task RefreshAsync(CancellationToken cancellation = default)
    {
        await _loading.WaitAsync(cancellation).ConfigureAwait(false);
        try
        {
            var next = await ReadAsync().ConfigureAwait(false);
            // Whatever names an algorithm first, wherever it was declared: its key is there before anybody can ask for it.
            if (!ReferenceEquals(next, _current) && next.LacksKeys(clock.GetUtcNow().ToUnixTimeMilliseconds()))
            {
                await keeper.EnsureAsync().ConfigureAwait(false);
                next = await ReadAsync().ConfigureAwait(false);
            }

            // At the start it is judged as a whole, and refused.
            if (_current is not null && !ReferenceEquals(next, _current)) TellOfUnmet(next);
            _current = next;
        }
        finally
        {
            _loading.Release();
        }
    }

    private ValueTask<ServerConfiguration> ReadAsync() => database.ReadAsync(async sql =>
    {
        var current = _current;
        var (version, notBefore) = await ConfigurationVersion.ReadAsync(sql).ConfigureAwait(false);
        if (version == current?.Version) return current;
        var secrets = (await Clients.ListSecretsAsync(sql).ConfigureAwait(false)).ToLookup(secret => secret.ClientId, StringComparer.Ordinal);
        var clients = await Clients.ListAsync(sql).ConfigureAwait(false);
        var resources = await Resources.ListAsync(sql).ConfigureAwait(false);
        var issuers = await TrustedIssuers.ListAsync(sql).ConfigureAwait(false);
        var keys = await SigningKeys.ListAsync(sql).ConfigureAwait(false);
        return new ServerConfiguration(
            version,
            clients.Select(row => ClientTerms.Of(row.Metadata, options).ToClient([.. secrets[row.Metadata.ClientId]], Math.Max(row.NotBefore, notBefore))),
            resources,
            vault.Open(keys, current?.Keys),
            issuers,
            notBefore);
    });

    /// <inheritdoc />
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(PollInterval, clock);
        while (await timer.WaitForNextTickAsync(stoppingToken).ConfigureAwait(false))
        {
            try
            {
                await RefreshAsync(stoppingToken).ConfigureAwait(false);
                await CompareClocksAsync().ConfigureAwait(false);
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }
#pragma warning disable CA1031 // the last configuration stays in force until the next one can be read
            catch (Exception exception)
#pragma warning restore CA1031
            {
                LogFailure(logger, exception);
            }
        }
    }

    /// <inheritdoc />
    public override void Dispose()
    {
        _loading.Dispose();
        base.Dispose();
    }

    // Whoever changed it while the server ran was not told by the server.
    private void TellOfUnmet(ServerConfiguration configuration)
    {
        foreach (var client in configuration.Clients)
        {
            if (client.Requirements.Unmet is { } unmet) LogUnmet(logger, client.Id, unmet);
        }
    }

    private async Task CompareClocksAsync()
    {
        if (await database.ClockOffsetAsync(clock).ConfigureAwait(false) is not { } offset) return;
        _isClockOff = offset.Duration() > IntolerableOffset;
        var isSuspect = offset.Duration() > SuspectOffset;
        if (isSuspect && !_isClockSuspect) LogClock(logger, offset.TotalSeconds);
        _isClockSuspect = isSuspect;
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "This machine's clock is {Seconds} s ahead of the database's; more than 5 s either way make this node unready")]
    private static partial void LogClock(ILogger logger, double seconds);

    [LoggerMessage(Level = LogLevel.Warning, Message = "The client {Client} breaks its profile and gets nothing: {Unmet}")]
    private static partial void LogUnmet(ILogger logger, string client, string unmet);

    [LoggerMessage(Level = LogLevel.Error, Message = "The configuration could not be read again; the one in force stays")]
    private static partial void LogFailure(ILogger logger, Exception exception);
}
