using Latchkey.Protocol.Names;
using Latchkey.Server.Configuration;
using Latchkey.Server.Pages;

namespace Latchkey.Server.Consent;

/// <summary>Puts scopes into words and groups: each API's own, then those about the person, then lasting access.</summary>
internal static class ScopeGroups
{
    /// <summary>The groups of what is asked for.</summary>
    /// <param name="scopes">The scopes that would be granted.</param>
    /// <param name="configuration">Where the APIs say what their scopes mean.</param>
    /// <param name="claims">Claims that are asked for one by one (OpenID Connect Core section 5.5).</param>
    public static IReadOnlyList<ScopeGroupView> Of(IEnumerable<string> scopes, ServerConfiguration configuration, IEnumerable<string>? claims = null)
    {
        var asked = scopes.ToList();
        var groups = new List<ScopeGroupView>();
        foreach (var api in asked.Where(scope => !Scopes.Identity.Contains(scope)).GroupBy(configuration.ResourceOf))
        {
            groups.Add(new(
                Shown.Shorten(api.Key?.DisplayName ?? "Other"),
                Foreign: api.Key is not null,
                [.. api.Select(scope => new ScopeView(configuration.DescribeScope(scope) is { Length: > 0 } words ? Shown.Shorten(words, 300) : null, scope))]));
        }

        var person = Scopes.Identity.Where(scope => scope != Scopes.OfflineAccess && asked.Contains(scope)).ToList();
        var covered = person.SelectMany(scope => ScopeClaims.Table.GetValueOrDefault(scope) ?? []).ToHashSet(StringComparer.Ordinal);
        var lines = person.Select(scope => new ScopeView(Words(scope), scope))
            .Concat((claims ?? []).Where(claim => claim != ClaimNames.Subject && !covered.Contains(claim)).Distinct(StringComparer.Ordinal)
                .Select(claim => new ScopeView(ClaimWords(claim), null)))
            .ToList();
        if (lines.Count > 0) groups.Add(new("Who you are", Foreign: false, lines));

        if (asked.Contains(Scopes.OfflineAccess))
            groups.Add(new("While you are away", Foreign: false, [new(Words(Scopes.OfflineAccess), Scopes.OfflineAccess)]));
        return groups;
    }

    private static string? Words(string scope) => scope switch
    {
        Scopes.OpenId => "Recognise you when you return",
        Scopes.Profile => "See your name, username and the rest of your profile",
        Scopes.Email => "See your email address",
        Scopes.Address => "See your postal address",
        Scopes.Phone => "See your phone number",
        Scopes.OfflineAccess => "Keep this access until you take it back",
        _ => null,
    };

    private static string ClaimWords(string claim) => claim switch
    {
        "preferred_username" => "See your username",
        "email" => "See your email address",
        "email_verified" => "See whether your email address is verified",
        "phone_number_verified" => "See whether your phone number is verified",
        "address" => "See your postal address",
        "birthdate" => "See your date of birth",
        "zoneinfo" => "See your time zone",
        "locale" => "See your language",
        "profile" => "See the address of your profile page",
        "updated_at" => "See when your profile last changed",
        ClaimNames.AuthenticationTime => "See when you signed in",
        ClaimNames.AuthenticationContext or ClaimNames.AuthenticationMethods => "See how you signed in",
        _ => $"See your {Shown.Shorten(claim.Replace('_', ' '))}",
    };
}
