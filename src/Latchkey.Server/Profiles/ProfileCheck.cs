using System.Text.Json;
using Latchkey.Protocol;
using Latchkey.Protocol.Messages;

namespace Latchkey.Server.Profiles;

/// <summary>Judges clients, settings and resources by the rules of their profiles: those that they name themselves, and the server's.</summary>
public static class ProfileCheck
{
    /// <summary>What of a client falls short, once its profiles have turned on what can be turned on.</summary>
    /// <param name="client">The client as registered.</param>
    /// <param name="options">The server's settings.</param>
    /// <param name="written">The members that were written down for it: what a profile would have to overrule is a finding. None if not known.</param>
    public static IEnumerable<Finding> Client(ClientMetadata client, ServerOptions options, IReadOnlySet<string>? written = null)
    {
        var bare = new ClientTerms(client, ClientRequirements.None);
        var terms = ClientTerms.TurnOn(bare, options);
        foreach (var rule in ProfileRules.Clients)
        {
            if (!Applies(rule, client, options)) continue;
            var overruled = rule.TurnOn is not null && written?.Contains(rule.Setting) == true && Differ(bare.Metadata, terms.Metadata, rule.Setting);
            if (!rule.Holds(overruled ? bare : terms)) yield return FindingOf(rule, $"client {client.ClientId}");
        }
    }

    /// <summary>What the server's profile changes about a client that does not ask for it itself, and that its program must keep to; null for nothing.</summary>
    public static Finding? TurnedOn(ClientMetadata client, ServerOptions options)
    {
        var bare = new ClientTerms(client with { Profile = null }, ClientRequirements.None);
        var terms = ClientTerms.TurnOn(bare, options);
        var turned = ProfileRules.Clients.Where(rule => rule.TurnOn is not null && Applies(rule, bare.Metadata, options) && !rule.Holds(bare) && rule.Holds(terms)).Select(rule => rule.Setting).ToList();
        return turned.Count == 0 ? null : new(
            "profile-turns-on", Severity.Note, $"client {client.ClientId}", "profile", $"rules are turned on about {string.Join(", ", turned)}", null,
            "see that the client's program keeps to them", SecurityProfiles.NameOf(options.Profile));
    }

    /// <summary>What of the settings falls short.</summary>
    /// <param name="options">The settings.</param>
    /// <param name="clients">The clients, whose own profiles demand things of the settings too.</param>
    public static IEnumerable<Finding> Settings(ServerOptions options, IEnumerable<ClientMetadata> clients)
    {
        var profiles = clients.Select(OwnProfile).Append(options.Profile).Distinct().ToList();
        foreach (var rule in ProfileRules.Settings)
        {
            var applies = rule.IsOfServer ? SecurityProfiles.Includes(options.Profile, rule.Profile) : profiles.Exists(profile => SecurityProfiles.Includes(profile, rule.Profile));
            if (applies && !rule.Holds(options)) yield return FindingOf(rule, "settings");
        }
    }

    /// <summary>What of a resource falls short, for the clients that can get tokens for it.</summary>
    public static IEnumerable<Finding> Resource(ResourceMetadata resource, ServerOptions options, IEnumerable<ClientMetadata> clients)
    {
        var profiles = clients.Where(client => client.Profile is not null && IsFor(client, resource)).Select(OwnProfile).Append(options.Profile).Distinct().ToList();
        foreach (var rule in ProfileRules.Resources)
        {
            if (profiles.Exists(profile => SecurityProfiles.Includes(profile, rule.Profile)) && !rule.Holds(resource)) yield return FindingOf(rule, $"resource {resource.Resource}");
        }
    }

    /// <summary>The worst of a client, at runtime: what of it or of the settings breaks its profiles.</summary>
    internal static Finding? FirstError(ClientTerms terms, ServerOptions options)
    {
        foreach (var rule in ProfileRules.Clients)
        {
            if (rule.Severity == Severity.Error && Applies(rule, terms.Metadata, options) && !rule.Holds(terms)) return FindingOf(rule, $"client {terms.Metadata.ClientId}");
        }

        return Settings(options, [terms.Metadata]).FirstOrDefault(finding => finding.Severity == Severity.Error);
    }

    /// <summary>What refuses all of a state: the first error, as a sentence that says what it is about; null if there is none.</summary>
    internal static (string Subject, string Sentence)? Fault(ServerOptions options, IReadOnlyCollection<ClientMetadata> clients, IEnumerable<ResourceMetadata> resources)
    {
        // Most have none at all.
        if (options.Profile == SecurityProfile.None && clients.All(client => client.Profile is null)) return null;
        var errors = Settings(options, clients)
            .Concat(clients.SelectMany(client => Client(client, options)))
            .Concat(resources.SelectMany(resource => Resource(resource, options, clients)))
            .Where(finding => finding.Severity == Severity.Error).ToList();
        if (errors.Count == 0) return null;
        var more = errors.Count > 1 ? $" There {(errors.Count == 2 ? "is 1 more" : $"are {errors.Count - 1} more")}: latchkey doctor server lists them." : "";
        return (errors[0].Subject, errors[0].ToSentence() + more);
    }

    /// <summary>The first rule of its own profile that a client breaks, as a sentence.</summary>
    internal static string? OwnFault(ClientMetadata client) =>
        client.Profile is null ? null : Client(client, NoProfile).FirstOrDefault(finding => finding.Severity == Severity.Error)?.ToSentence();

    /// <summary>What was written down for a client that a profile would have to overrule, as a sentence.</summary>
    internal static string? Overruled(ClientMetadata client, IReadOnlySet<string> written, ServerOptions options) =>
        options.Profile == SecurityProfile.None && client.Profile is null ? null : Client(client, options, written).FirstOrDefault(finding => finding.Severity == Severity.Error)?.ToSentence();

    /// <summary>Whether a rule is one of a client's profile or of the server's.</summary>
    internal static bool Applies(ProfileRule rule, ClientMetadata client, ServerOptions options) =>
        SecurityProfiles.Includes(options.Profile, rule.Profile) || SecurityProfiles.Includes(OwnProfile(client), rule.Profile);

    internal static ServerOptions NoProfile { get; } = new() { Issuer = "https://localhost" };

    private static SecurityProfile OwnProfile(ClientMetadata client) => SecurityProfiles.TryParse(client.Profile, out var profile) ? profile : SecurityProfile.None;

    private static bool IsFor(ClientMetadata client, ResourceMetadata resource)
    {
        var scope = ScopeSet.Parse(client.Scope).Succeeded(out var registered, out _) ? registered : ScopeSet.Empty;
        return resource.Scopes.Any(candidate => scope.Contains(candidate.Scope))
            || client.TokenExchange?.Targets.Any(target => ResourceIndicator.Same(target.Resource, resource.Resource)) == true;
    }

    private static bool Differ(ClientMetadata left, ClientMetadata right, string member) => TextOf(left, member) != TextOf(right, member);

    private static string? TextOf(ClientMetadata client, string member) =>
        JsonSerializer.SerializeToElement(client, MessagesJson.Default.ClientMetadata).TryGetProperty(member, out var value) ? value.GetRawText() : null;

    private static Finding FindingOf(ProfileRule rule, string subject) =>
        new(rule.Name, rule.Severity, subject, rule.Setting, rule.Broken, rule.Section, rule.Mend, SecurityProfiles.NameOf(rule.Profile));
}
