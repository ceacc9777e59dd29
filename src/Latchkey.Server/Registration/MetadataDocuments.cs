using System.Collections.Concurrent;
using Latchkey.Protocol;
using Latchkey.Protocol.Messages;
using Latchkey.Server.Configuration;
using Latchkey.Server.Fetching;
using Latchkey.Server.Hosting;
using Latchkey.Storage;
using Microsoft.AspNetCore.Http;

namespace Latchkey.Server.Registration;

/// <summary>
/// Clients whose id is the URL of their metadata (draft-ietf-oauth-client-id-metadata-document). A document is kept as long as its cache headers say,
/// within bounds; an error is not kept. A document that somebody agreed to is also written down: while its host is away, what it said last is
/// good for a week, so that nobody is signed out because a web site is down.
/// </summary>
internal sealed class MetadataDocuments(DocumentFetcher fetcher, Database database, ServerOptions options, RateLimits limits, TimeProvider clock)
{
    private const int MostKept = 2000;

    // A sign-in takes several requests, which see one document; and a change is seen within a day, whatever the headers say.
    private static readonly TimeSpan Shortest = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan Usual = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan Longest = TimeSpan.FromDays(1);

    private static readonly TimeSpan GoodWithoutHost = TimeSpan.FromDays(7);
    private static readonly TimeSpan TryAgain = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan WrittenEvery = TimeSpan.FromHours(1);

    private readonly ConcurrentDictionary<string, Kept> _kept = new(StringComparer.Ordinal);
    private readonly SingleFlight<Result<Kept>> _flights = new();

    private readonly Reach _reach = options.ReachOfAnybody;

    /// <summary>Whether an id is one of these.</summary>
    public bool Takes(string clientId) => options.ClientIdMetadataDocuments != MetadataDocumentMode.Off && ClientIdUrl.IsMeant(clientId);

    /// <summary>Finds a client, reading its document if what is kept is no longer fresh.</summary>
    public async ValueTask<Result<Client>> FindAsync(string clientId, ServerConfiguration configuration, HttpContext context)
    {
        if (!_kept.TryGetValue(clientId, out var kept) || Now >= kept.FreshUntil)
        {
            if ((await ReadAsync(clientId, context).ConfigureAwait(false)).Refused(out var error, out kept)) return error;
        }

        return await ClientOfAsync(kept, configuration).ConfigureAwait(false);
    }

    /// <summary>Finds a client that is known already, fresh or not.</summary>
    public async ValueTask<Client?> FindKnownAsync(string clientId, ServerConfiguration configuration)
    {
        if (_kept.TryGetValue(clientId, out var kept)) return await ClientOfAsync(kept, configuration).ConfigureAwait(false);
        if (await database.ReadAsync(sql => ClientDocuments.FindAsync(sql, clientId)).ConfigureAwait(false) is not { } row) return null;
        kept = new Kept(row.Metadata, options, row.FetchedAt, FreshUntil: 0);
        Keep(kept);
        return kept.ClientOf(Math.Max(row.NotBefore, configuration.NotBefore));
    }

    /// <summary>Writes down that a person has agreed to a client that nobody declared, inside the transaction that remembers it: it is kept from now on.</summary>
    public async ValueTask NoteUsedAsync(SqlSession sql, Client client, long now)
    {
        if (client.Origin == ClientOrigin.Registered) await RegisteredClients.NoteUsedAsync(sql, client.Id, now).ConfigureAwait(false);
        if (client.Origin != ClientOrigin.Document || !_kept.TryGetValue(client.Id, out var kept)) return;
        await ClientDocuments.SaveAsync(sql, new(kept.Metadata, kept.FetchedAt)).ConfigureAwait(false);
    }

    private long Now => clock.GetUtcNow().ToUnixTimeMilliseconds();

    // What an operator ended is asked of the database each time: every node is to know it at once, and documents are kept for up to a day.
    private async ValueTask<Client> ClientOfAsync(Kept kept, ServerConfiguration configuration) => kept.ClientOf(Math.Max(
        await database.ReadAsync(sql => ClientDocuments.FindNotBeforeAsync(sql, kept.Metadata.ClientId)).ConfigureAwait(false), configuration.NotBefore));

    private async ValueTask<Result<Kept>> ReadAsync(string clientId, HttpContext context)
    {
        if (ClientIdUrl.Fault(clientId, _reach) is { } fault) return OAuthError.InvalidClient($"The client_id {fault}.");

        // Whoever makes the server fetch pays for it, unless it was worth it; those who want the same join in for nothing.
        string? payer = null;
        var retryAfter = TimeSpan.Zero;
        var flight = _flights.Join(clientId, ReadAsync, () =>
        {
            var source = RateLimits.Source(context);
            if (!limits.ClientDocument.TryTake(source, out retryAfter)) return false;
            payer = source;
            return true;
        });
        if (flight is null) return RateLimits.Refuse(context, retryAfter);

        var outcome = await flight.ConfigureAwait(false);
        if (outcome.Refused(out var error, out var kept)) return error;
        if (payer is not null) limits.ClientDocument.GiveBack(payer);
        return kept;
    }

    private async Task<Result<Kept>> ReadAsync(string clientId)
    {
        var outcome = await fetcher.FetchAsync(clientId, _reach, FetchRules.MetadataDocument).ConfigureAwait(false);
        var now = Now;
        if (outcome is FetchOutcome.Document document)
        {
            if (SelfRegisteredMetadata.ReadDocument(document.Body, clientId).Refused(out var wrong, out var metadata))
            {
                _kept.TryRemove(clientId, out _);
                return wrong;
            }

            var earlier = metadata.SectorIdentifierUri is null ? null : await FindLastAsync(clientId).ConfigureAwait(false);
            if (SectorDocuments.MustAsk(metadata, earlier?.Metadata) && await SectorDocuments.FaultAsync(fetcher, metadata, _reach).ConfigureAwait(false) is { } fault)
            {
                var reason = $"is wrong: {fault.Error.Description.TrimEnd('.')}";
                return fault.MayPass ? LastOr(reason, earlier, now) : NotThere(clientId, reason);
            }

            var fresh = new Kept(metadata, options, now, now + (long)Bounded(document.Freshness).TotalMilliseconds);
            Keep(fresh);
            await RenewAsync(fresh).ConfigureAwait(false);
            return fresh;
        }

        // A host that says no is believed. One that says nothing may be back soon.
        var failed = (FetchOutcome.Failed)outcome;
        return failed.MayPass ? LastOr(failed.Reason, await FindLastAsync(clientId).ConfigureAwait(false), now) : NotThere(clientId, failed.Reason);
    }

    private OAuthError NotThere(string clientId, string reason)
    {
        _kept.TryRemove(clientId, out _);
        return OAuthError.InvalidClient($"The client's metadata document {reason}.");
    }

    private Result<Kept> LastOr(string reason, Kept? last, long now)
    {
        if (last is null || now >= last.FetchedAt + GoodWithoutHost.TotalMilliseconds) return OAuthError.TemporarilyUnavailable($"The client's metadata document {reason}.");
        var waiting = last with { FreshUntil = now + (long)TryAgain.TotalMilliseconds };
        Keep(waiting);
        return waiting;
    }

    private static TimeSpan Bounded(TimeSpan? freshness) =>
        freshness is not { } said ? Usual : said < Shortest ? Shortest : said > Longest ? Longest : said;

    private async ValueTask<Kept?> FindLastAsync(string clientId)
    {
        if (_kept.TryGetValue(clientId, out var kept)) return kept;
        return await database.ReadAsync(sql => ClientDocuments.FindAsync(sql, clientId)).ConfigureAwait(false) is { } row
            ? new Kept(row.Metadata, options, row.FetchedAt, FreshUntil: 0)
            : null;
    }

    // Only what somebody agreed to has a row, and only such a row is written again: when it says something else, or once in a while.
    private async ValueTask RenewAsync(Kept fresh)
    {
        var since = fresh.FetchedAt - (long)WrittenEvery.TotalMilliseconds;
        var row = await database.ReadAsync(sql => ClientDocuments.FindAsync(sql, fresh.Metadata.ClientId)).ConfigureAwait(false);
        if (row is null || (row.FetchedAt >= since && SelfRegisteredMetadata.Same(row.Metadata, fresh.Metadata))) return;
        await database.WriteAsync(sql => ClientDocuments.RenewAsync(sql, new(fresh.Metadata, fresh.FetchedAt), since)).ConfigureAwait(false);
    }

    private void Keep(Kept kept)
    {
        if (_kept.Count >= MostKept)
        {
            foreach (var old in _kept.OrderBy(pair => pair.Value.FreshUntil).Take(MostKept / 10).ToList()) _kept.TryRemove(old.Key, out _);
        }

        _kept[kept.Metadata.ClientId] = kept;
    }

    /// <summary>What a document said.</summary>
    /// <param name="Metadata">The metadata.</param>
    /// <param name="Options">The server's settings, whose profile counts for it too.</param>
    /// <param name="FetchedAt">When it was there and right, unix milliseconds.</param>
    /// <param name="FreshUntil">Until when it is not asked for again, unix milliseconds.</param>
    private sealed record Kept(ClientMetadata Metadata, ServerOptions Options, long FetchedAt, long FreshUntil)
    {
        private readonly Client _client = SelfRegisteredMetadata.ToClient(Metadata, Options, ClientOrigin.Document, [], 0);

        public Client ClientOf(long notBefore) => notBefore == 0 ? _client : _client with { NotBefore = notBefore };
    }
}
