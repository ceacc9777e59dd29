using Latchkey.Protocol.Messages;
using Latchkey.Protocol.Names;
using Latchkey.Storage;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Latchkey.Server.Keys;

/// <summary>
/// Looks after the keys: makes them at first start, publishes the next one ahead, retires the old one when the next takes over, and removes it when
/// nothing needs it any more. Which key signs is a matter of time alone (<see cref="KeyRing.Signer"/>), so nodes change over together without
/// talking to each other. Several nodes may do this at once: what is missing is judged again inside the transaction that adds it.
/// </summary>
internal sealed partial class KeyKeeper(Database database, KeyVault vault, ServerOptions options, TimeProvider clock, ILogger<KeyKeeper> logger)
    : BackgroundService
{
    /// <summary>How long a retired key can still check the <c>id_token_hint</c> of an app that kept an old ID token.</summary>
    private static readonly TimeSpan HintLifetime = TimeSpan.FromDays(30);

    private static readonly TimeSpan Interval = TimeSpan.FromMinutes(1);

    /// <summary>
    /// Makes the keys that the server can't answer without, if they are not there: the standing ones, and those of every algorithm that a client or resource
    /// is declared with. Called before the configuration is first read, and whenever one names an algorithm that has no key.
    /// </summary>
    /// <exception cref="DatabaseUnavailableException">The database can't be reached.</exception>
    public async Task EnsureAsync()
    {
        var now = Now();
        var missing = await database.ReadAsync(sql => MissingNowAsync(sql, now)).ConfigureAwait(false);
        if (missing.Count == 0) return;

        // Finding primes takes a tenth of a second each: outside the transaction, and all at once.
        var made = await Task.WhenAll(missing.Select(need => Task.Run(() => Create(need, now, now)))).ConfigureAwait(false);
        await database.WriteAsync(async sql =>
        {
            await ConfigurationVersion.LockAsync(sql).ConfigureAwait(false);
            // As of now: who waited for another node finds that its keys, made a moment later than one began, are there.
            var still = await MissingNowAsync(sql, Now()).ConfigureAwait(false);
            foreach (var row in made.Where(row => still.Contains((row.Purpose, row.Algorithm)))) await AddAsync(sql, row, now).ConfigureAwait(false);
            return true;
        }).ConfigureAwait(false);
    }

    /// <summary>One round: retires what has been replaced, removes what nothing needs, makes the next keys. Doing it twice changes nothing.</summary>
    /// <exception cref="DatabaseUnavailableException">The database can't be reached.</exception>
    public async Task TendAsync()
    {
        await EnsureAsync().ConfigureAwait(false);
        var now = Now();
        var (rows, kept) = await database.ReadAsync(async sql =>
        {
            var resources = await Resources.ListAsync(sql).ConfigureAwait(false);
            var clients = await Clients.ListAsync(sql).ConfigureAwait(false);
            return (await SigningKeys.ListAsync(sql).ConfigureAwait(false), Kept(options, resources, clients.Select(client => client.Metadata)));
        }).ConfigureAwait(false);
        var missing = SigningAlgorithms.Supported.Where(algorithm => Signs(rows, algorithm, now) is not null && Next(rows, algorithm, now) is null).ToList();
        if (missing.Count == 0 && !Replaced(rows, now).Any() && !Over(rows, kept, now).Any()) return;

        var made = await Task.WhenAll(missing.Select(algorithm => Task.Run(() => Create((KeyPurposes.Sign, algorithm), now, now)))).ConfigureAwait(false);
        await database.WriteAsync(async sql =>
        {
            await ConfigurationVersion.LockAsync(sql).ConfigureAwait(false);
            var current = await SigningKeys.ListAsync(sql).ConfigureAwait(false);
            foreach (var (old, at) in Replaced(current, now)) await SigningKeys.RetireAsync(sql, old.KeyId, at).ConfigureAwait(false);
            foreach (var row in Over(current, kept, now)) await SigningKeys.DeleteAsync(sql, row.KeyId).ConfigureAwait(false);
            foreach (var row in made)
            {
                if (Next(current, row.Algorithm, now) is not null || Signs(current, row.Algorithm, now) is not { } signs) continue;
                var activeFrom = Math.Max(signs.ActiveFrom + (long)options.KeyRotationInterval.TotalMilliseconds, Earliest(row));
                await AddAsync(sql, row with { ActiveFrom = activeFrom }, now).ConfigureAwait(false);
            }

            return true;
        }).ConfigureAwait(false);
    }

    /// <summary>
    /// Brings the next key forward: as soon as every cached JWKS can hold it, it signs and the old one only verifies.
    /// </summary>
    /// <param name="algorithm">Which algorithm's; null for all.</param>
    /// <param name="audit">Who does it and from where; the event's name and detail are set here.</param>
    /// <param name="how">Whether to wait until every cached JWKS can hold the next key.</param>
    /// <returns>The keys that take over, with the time from which they sign. Empty if that was already arranged.</returns>
    /// <exception cref="DatabaseUnavailableException">The database can't be reached; nothing was changed.</exception>
    public async Task<IReadOnlyList<KeyRow>> RotateAsync(string? algorithm, AuditEvent audit, KeyRotation how = KeyRotation.WhenPublished)
    {
        await TendAsync().ConfigureAwait(false);
        var now = Now();
        var rotated = await database.WriteAsync(async sql =>
        {
            await ConfigurationVersion.LockAsync(sql).ConfigureAwait(false);
            var rows = await SigningKeys.ListAsync(sql).ConfigureAwait(false);
            var changed = new List<KeyRow>();
            foreach (var each in SigningAlgorithms.Supported.Where(each => algorithm is null || each == algorithm))
            {
                if (Signs(rows, each, now) is not { } old || Next(rows, each, now) is not { } next) continue;
                var from = how == KeyRotation.WhenPublished && !MadeTogether(rows, old, next) ? Math.Max(now, Earliest(next)) : now;
                if (next.ActiveFrom <= from) continue;
                await SigningKeys.SetActiveFromAsync(sql, next.KeyId, from).ConfigureAwait(false);
                if (how == KeyRotation.Compromised) await SigningKeys.DeleteAsync(sql, old.KeyId).ConfigureAwait(false);
                else await SigningKeys.RetireAsync(sql, old.KeyId, from).ConfigureAwait(false);
                await AuditLog.AppendAsync(sql, audit with
                {
                    Event = AuditEvents.KeyRotated,
                    Detail = $$"""{"algorithm":"{{each}}","kid":"{{next.KeyId}}","replaces":"{{old.KeyId}}","signs_from":{{from}},"compromised":{{(how == KeyRotation.Compromised ? "true" : "false")}}}""",
                }).ConfigureAwait(false);
                changed.Add(next with { ActiveFrom = from });
            }

            return changed;
        }).ConfigureAwait(false);
        if (rotated.Exists(key => key.ActiveFrom <= now)) await TendAsync().ConfigureAwait(false);
        return rotated;
    }

    /// <summary>How long tokens can be good after their key stopped signing: the longest lifetime that anything is set to.</summary>
    public static TimeSpan LongestTokenLifetime(ServerOptions options, IEnumerable<ResourceMetadata> resources, IEnumerable<ClientMetadata> clients)
    {
        var configured = resources.Select(resource => resource.AccessTokenLifetime ?? 0)
            .Concat(clients.Select(client => client.AccessTokenLifetime ?? 0))
            .Append((int)options.AccessTokenLifetime.TotalSeconds)
            .Append((int)options.IdTokenLifetime.TotalSeconds);
        return TimeSpan.FromSeconds(configured.Max());
    }

    /// <inheritdoc />
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Interval, clock);
        do
        {
            try
            {
                await TendAsync().ConfigureAwait(false);
            }
#pragma warning disable CA1031 // a fault in one round must not end the server; the next one comes
            catch (Exception exception) when (exception is not OperationCanceledException)
#pragma warning restore CA1031
            {
                // A server that ends, because it could not start for instance, closes its database under the first round: that is no news.
                if (!stoppingToken.IsCancellationRequested) LogLater(logger, exception);
            }
        }
        while (await WaitAsync(timer, stoppingToken).ConfigureAwait(false));
    }

    private static async ValueTask<bool> WaitAsync(PeriodicTimer timer, CancellationToken stopping)
    {
        try
        {
            return await timer.WaitForNextTickAsync(stopping).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            return false;
        }
    }

    private static async ValueTask<List<(string Purpose, string Algorithm)>> MissingNowAsync(SqlSession sql, long now)
    {
        var rows = await SigningKeys.ListAsync(sql).ConfigureAwait(false);
        var clients = await Clients.ListAsync(sql).ConfigureAwait(false);
        var needs = new KeyNeeds(clients.Select(client => client.Metadata), await Resources.ListAsync(sql).ConfigureAwait(false));
        return [.. MissingNow(rows, needs, now)];
    }

    private static IEnumerable<(string Purpose, string Algorithm)> MissingNow(List<KeyRow> rows, KeyNeeds needs, long now)
    {
        foreach (var algorithm in needs.Decrypting)
        {
            if (!rows.Exists(row => row.Purpose == KeyPurposes.Decrypt && row.Algorithm == algorithm)) yield return (KeyPurposes.Decrypt, algorithm);
        }

        foreach (var algorithm in needs.Signing)
        {
            if (Signs(rows, algorithm, now) is null) yield return (KeyPurposes.Sign, algorithm);
        }

        foreach (var purpose in KeyPurposes.Symmetric)
        {
            if (!rows.Exists(row => row.Purpose == purpose)) yield return (purpose, KeyVault.SymmetricAlgorithm);
        }
    }

    // The same choice as KeyRing.Signer makes.
    private static KeyRow? Signs(List<KeyRow> rows, string algorithm, long now) =>
        rows.Where(row => row.Purpose == KeyPurposes.Sign && row.Algorithm == algorithm && row.ActiveFrom <= now && (row.RetiredAt is null || now < row.RetiredAt))
            .MaxBy(row => row.ActiveFrom);

    private static KeyRow? Next(List<KeyRow> rows, string algorithm, long now) =>
        rows.Where(row => row.Purpose == KeyPurposes.Sign && row.Algorithm == algorithm && row.ActiveFrom > now).MinBy(row => row.ActiveFrom);

    /// <summary>Keys that a later one has taken over from, with the moment when it did.</summary>
    private static IEnumerable<(KeyRow Old, long At)> Replaced(List<KeyRow> rows, long now) =>
        from row in rows
        where row.Purpose == KeyPurposes.Sign && row.RetiredAt is null && row.ActiveFrom <= now
        let later = rows.Where(other => other.Purpose == KeyPurposes.Sign && other.Algorithm == row.Algorithm && other.KeyId != row.KeyId
            && other.ActiveFrom <= now && other.ActiveFrom > row.ActiveFrom).MinBy(other => other.ActiveFrom)
        where later is not null
        select (row, later.ActiveFrom);

    private static IEnumerable<KeyRow> Over(List<KeyRow> rows, TimeSpan kept, long now) =>
        rows.Where(row => row.RetiredAt is { } retired && retired + (long)kept.TotalMilliseconds < now);

    private static TimeSpan Kept(ServerOptions options, IEnumerable<ResourceMetadata> resources, IEnumerable<ClientMetadata> clients)
    {
        var tokens = LongestTokenLifetime(options, resources, clients) + TimeSpan.FromDays(1);
        return tokens > HintLifetime ? tokens : HintLifetime;
    }

    private static async ValueTask AddAsync(SqlSession sql, KeyRow row, long now)
    {
        await SigningKeys.InsertAsync(sql, row).ConfigureAwait(false);
        await AuditLog.AppendAsync(sql, new AuditEvent
        {
            At = now,
            Event = AuditEvents.KeyCreated,
            Actor = "server",
            Detail = $$"""{"kid":"{{row.KeyId}}","purpose":"{{row.Purpose}}","algorithm":"{{row.Algorithm}}","used_from":{{row.ActiveFrom}}}""",
        }).ConfigureAwait(false);
    }

    private KeyRow Create((string Purpose, string Algorithm) need, long createdAt, long activeFrom) => need.Purpose switch
    {
        KeyPurposes.Sign => vault.CreateSigning(need.Algorithm, createdAt, activeFrom),
        KeyPurposes.Decrypt => vault.CreateDecrypting(need.Algorithm, createdAt),
        _ => vault.CreateSymmetric(need.Purpose, 1, createdAt, activeFrom),
    };

    // Before this a verifier may still hold a JWKS without the key; the minute covers clocks that differ.
    private long Earliest(KeyRow next) => next.CreatedAt + (long)(options.JwksMaxAge + TimeSpan.FromMinutes(1)).TotalMilliseconds;

    // At first start both are made within moments: whoever has seen the one has seen the other. Of later keys that is not so, however quickly they follow.
    private static bool MadeTogether(List<KeyRow> rows, KeyRow old, KeyRow next) =>
        next.CreatedAt - old.CreatedAt < TimeSpan.FromMinutes(1).TotalMilliseconds
        && rows.Count(row => row.Purpose == KeyPurposes.Sign && row.Algorithm == old.Algorithm) == 2;

    private long Now() => clock.GetUtcNow().ToUnixTimeMilliseconds();

    [LoggerMessage(Level = LogLevel.Warning, Message = "The keys could not be looked after; it is tried again in a minute")]
    private static partial void LogLater(ILogger logger, Exception exception);
}

/// <summary>How the next key takes over.</summary>
public enum KeyRotation
{
    /// <summary>As soon as every cached JWKS can hold it; nobody notices.</summary>
    WhenPublished,

    /// <summary>At once; who has cached the JWKS must fetch it again. What the old key signed stays good.</summary>
    Immediately,

    /// <summary>At once, and the old key is removed: nothing it signed is good any more.</summary>
    Compromised,
}
