using Latchkey.Server.Profiles;

namespace Latchkey.Server.Admin;

/// <summary>What can be judged of a declared state by itself, before the database is asked.</summary>
internal static class Rules
{
    /// <summary>Refuses what contradicts itself.</summary>
    /// <exception cref="AdministrationException">Something is declared twice or breaks a rule.</exception>
    public static void Check(DeclaredState state)
    {
        Once(state.Clients, client => client.Metadata.ClientId, client => client.Place, "client_id");
        Once(state.Resources, resource => resource.Metadata.Resource, resource => resource.Place, "resource");
        Once(state.TrustedIssuers, issuer => issuer.Metadata.Issuer, issuer => issuer.Place, "issuer");
        Once(state.Users, user => user.Username.ToUpperInvariant(), user => user.Place, "username");
        Once(state.Users.Where(user => user.Subject is not null), user => user.Subject!, user => user.Place, "sub");
        foreach (var client in state.Clients)
        {
            var fault = ClientRules.Fault(client.Metadata, client.Secret) ?? ProfileCheck.Overruled(client.Metadata, client.Written, ProfileCheck.NoProfile);
            if (fault is not null) throw new AdministrationException($"{client.Place}: {fault}");
        }

        foreach (var resource in state.Resources)
        {
            if (ResourceRules.Fault(resource.Metadata) is { } fault) throw new AdministrationException($"{resource.Place}: {fault}");
        }

        foreach (var issuer in state.TrustedIssuers)
        {
            if (TrustedIssuerRules.Fault(issuer.Metadata) is { } fault) throw new AdministrationException($"{issuer.Place}: {fault}");
        }

        foreach (var user in state.Users)
        {
            if (user.Subject is { } subject && UserRules.SubjectFault(subject, user.Username) is { } fault)
                throw new AdministrationException($"{user.Place}: sub {fault}.");
        }
    }

    private static void Once<T>(IEnumerable<T> items, Func<T, string> name, Func<T, string> place, string what)
    {
        var seen = new Dictionary<string, T>(StringComparer.Ordinal);
        foreach (var item in items)
        {
            if (!seen.TryAdd(name(item), item))
                throw new AdministrationException($"{place(item)}: the {what} is declared already at {place(seen[name(item)])}; declare it once.");
        }
    }
}
