using System.Buffers.Text;
using System.Text.Json;
using Latchkey.Protocol.Names;
using Latchkey.Server.Configuration;
using Latchkey.Server.Consent;
using Latchkey.Server.Login;
using Latchkey.Server.Pages;
using Latchkey.Storage;

namespace Latchkey.Server.Account;

/// <summary>Gathers what a person's own page shows: the profile, where they are signed in, which apps may use the account.</summary>
internal sealed class AccountOverview(Database database, ConfigurationSource configuration, ClientDirectory directory, TimeProvider clock)
{
    private static readonly (string Claim, string Label)[] Facts =
    [
        ("name", "Name"), ("nickname", "Nickname"), ("email", "Email"), ("phone_number", "Phone"), ("birthdate", "Date of birth"),
        ("website", "Website"), ("locale", "Language"), ("zoneinfo", "Time zone"),
    ];

    /// <summary>Makes the view.</summary>
    /// <param name="signedIn">Whose page, in which session.</param>
    /// <param name="token">The antiforgery token.</param>
    /// <param name="notice">What came of the last form.</param>
    public async ValueTask<AccountView> ReadAsync(SignedIn signedIn, string token, AccountNotice? notice)
    {
        var (user, current) = (signedIn.User, configuration.Current);
        var now = clock.GetUtcNow().ToUnixTimeMilliseconds();
        var (sessions, grants, consents, waiting) = await database.ReadAsync(async sql => (
            await Sessions.ListByUserAsync(sql, user.Subject, now).ConfigureAwait(false),
            await Grants.ListByUserAsync(sql, user.Subject).ConfigureAwait(false),
            await Consents.ListByUserAsync(sql, user.Subject).ConfigureAwait(false),
            await BackchannelRequests.ListWaitingAsync(sql, user.Subject, now).ConfigureAwait(false))).ConfigureAwait(false);

        var clients = (await directory.FindKnownAsync(
                grants.Select(grant => grant.ClientId).Union(consents.Select(consent => consent.ClientId), StringComparer.Ordinal), current).ConfigureAwait(false))
            .ToDictionary(client => client.Id, StringComparer.Ordinal);
        var alive = grants.Where(grant => grant.IsAlive(now) && clients.TryGetValue(grant.ClientId, out var client) && grant.CreatedAt >= client.NotBefore).ToLookup(grant => grant.ClientId);
        var agreed = consents.ToDictionary(consent => consent.ClientId, StringComparer.Ordinal);
        var apps = alive.Select(group => group.Key).Union(agreed.Keys, StringComparer.Ordinal)
            .Select(id => clients.GetValueOrDefault(id)).OfType<Client>()
            .Select(client => Describe(client, [.. alive[client.Id]], agreed.GetValueOrDefault(client.Id), current))
            .OrderByDescending(app => app.LastUsedAt ?? app.Since);

        return new AccountView(
            token, signedIn.Person, user.Username,
            [.. Facts.Where(fact => user.Claim(fact.Claim) is not null).Select(fact => new ProfileFactView(fact.Label, user.Claim(fact.Claim)!, IsVerified(user, fact.Claim)))],
            [.. sessions.Select(session => Describe(session, session.Id == signedIn.Session.Id)).OrderByDescending(session => session.Current)],
            [.. apps], now, user.PasswordHash is not null, notice,
            [.. waiting.Select(request => Describe(request, current)).OfType<WaitingRequestView>()]);
    }

    private static WaitingRequestView? Describe(BackchannelRequest request, ServerConfiguration configuration) =>
        configuration.FindClient(request.ClientId) is { } client && client.Metadata.Allows(GrantTypes.Ciba)
            ? new(
                Base64Url.EncodeToString(request.IdHash), AppView.Of(client.Metadata), request.BindingMessage,
                ScopeGroups.Of(request.Scope.Split(' ', StringSplitOptions.RemoveEmptyEntries), configuration), request.CreatedAt, request.Address)
            : null;

    private static SessionView Describe(Session session, bool current) =>
        new(session.Id.ToString(), session.UserAgent, session.Address, session.AuthTime * 1000, session.LastSeenAt, current);

    private static ConnectedAppView Describe(Client client, IReadOnlyList<Grant> grants, Storage.Consent? consent, ServerConfiguration configuration)
    {
        var scopes = grants.Select(grant => grant.Terms.Scope).Append(consent?.Scope ?? "")
            .SelectMany(scope => scope.Split(' ', StringSplitOptions.RemoveEmptyEntries)).Distinct(StringComparer.Ordinal);
        var since = grants.Select(grant => grant.CreatedAt).Append(consent?.GrantedAt ?? long.MaxValue).Min();
        return new ConnectedAppView(
            client.Id, AppView.Of(client.Metadata), ScopeGroups.Of(scopes, configuration), since,
            grants.Count == 0 ? null : grants.Max(grant => grant.RotatedAt), PlaceOf(client),
            grants.Count > 0 && grants.All(grant => grant.KeyThumbprint is not null || grant.CertificateThumbprint is not null));
    }

    private static string PlaceOf(Client client) => client.Metadata.RedirectUris.Count == 0
        ? "A device or program"
        : DestinationView.Of(client.Metadata.RedirectUris[0]) is var place && place.Kind == DestinationKind.Site ? place.Name
        : place.Kind == DestinationKind.ThisComputer ? $"A program on your computer ({place.Name})"
        : "An app on your device";

    private static bool IsVerified(User user, string claim) =>
        user.Claims.TryGetValue(claim + "_verified", out var verified) && verified.ValueKind == JsonValueKind.True;
}
