using Latchkey.Protocol.Messages;
using Latchkey.Server.Configuration;
using Latchkey.Storage;

namespace Latchkey.Server.Profiles;

/// <summary>
/// What holds of a client: what is registered of it, with all that its profile and the server's turn on. This is where profiles end: endpoints see its
/// metadata and requirements.
/// </summary>
/// <param name="Metadata">As registered, and stricter where a profile says so.</param>
/// <param name="Requirements">What metadata has no name for.</param>
internal sealed record ClientTerms(ClientMetadata Metadata, ClientRequirements Requirements)
{
    /// <summary>The terms of a client on a server.</summary>
    public static ClientTerms Of(ClientMetadata metadata, ServerOptions options)
    {
        var bare = new ClientTerms(metadata, ClientRequirements.None);
        if (options.Profile == SecurityProfile.None && metadata.Profile is null) return bare;
        var terms = TurnOn(bare, options);
        return ProfileCheck.FirstError(terms, options) is { } finding ? terms with { Requirements = terms.Requirements with { Unmet = Ascii(finding.ToSentence()) } } : terms;
    }

    /// <summary>The same without asking whether the rules are kept.</summary>
    public static ClientTerms TurnOn(ClientTerms terms, ServerOptions options)
    {
        foreach (var rule in ProfileRules.Clients)
        {
            if (rule.TurnOn is not null && ProfileCheck.Applies(rule, terms.Metadata, options)) terms = rule.TurnOn(terms);
        }

        return terms;
    }

    /// <summary>What is asked of every client of a server, as its metadata tells.</summary>
    public static ClientTerms OfAnyClient(ServerOptions options) => TurnOn(new ClientTerms(new ClientMetadata(), ClientRequirements.None), options);

    /// <summary>The client as endpoints see it.</summary>
    public Client ToClient(IReadOnlyList<ClientSecret> secrets, long notBefore) => new(Metadata, secrets, notBefore) { Requirements = Requirements };

    // RFC 6749 section 5.2 allows no more in a description.
    private static string Ascii(string text) => string.Concat(text.Select(character => character is >= ' ' and <= '~' and not ('"' or '\\') ? character : '\''));
}
