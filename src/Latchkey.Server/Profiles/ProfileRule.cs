using Latchkey.Protocol.Messages;

namespace Latchkey.Server.Profiles;

/// <summary>A rule of a profile.</summary>
/// <param name="Name">Its name in findings.</param>
/// <param name="Profile">Whose rule it is.</param>
/// <param name="Section">Where it stands.</param>
/// <param name="Setting">The setting, or the member of the metadata, that decides it.</param>
/// <param name="Broken">What is said of whatever breaks it, as a clause.</param>
/// <param name="Mend">What to do then, as a clause.</param>
internal abstract record ProfileRule(string Name, SecurityProfile Profile, string Section, string Setting, string Broken, string Mend)
{
    /// <summary>How bad it is to break it; only errors are refused.</summary>
    public Severity Severity { get; init; } = Severity.Error;
}

/// <summary>A rule about clients.</summary>
internal sealed record ClientRule(string Name, SecurityProfile Profile, string Section, string Setting, string Broken, string Mend)
    : ProfileRule(Name, Profile, Section, Setting, Broken, Mend)
{
    /// <summary>Whether a client keeps it.</summary>
    public required Func<ClientTerms, bool> Holds { get; init; }

    /// <summary>Makes a client keep it that does not say otherwise; null where nobody can choose for the client.</summary>
    public Func<ClientTerms, ClientTerms>? TurnOn { get; init; }
}

/// <summary>A rule about the server's settings, wherever the server or one of its clients has the profile.</summary>
internal sealed record SettingRule(string Name, SecurityProfile Profile, string Section, string Setting, string Broken, string Mend)
    : ProfileRule(Name, Profile, Section, Setting, Broken, Mend)
{
    /// <summary>Whether the settings keep it.</summary>
    public required Func<ServerOptions, bool> Holds { get; init; }

    /// <summary>Whether it matters only where all of the server has the profile.</summary>
    public bool IsOfServer { get; init; }
}

/// <summary>A rule about resources that clients of the profile can get tokens for.</summary>
internal sealed record ResourceRule(string Name, SecurityProfile Profile, string Section, string Setting, string Broken, string Mend)
    : ProfileRule(Name, Profile, Section, Setting, Broken, Mend)
{
    /// <summary>Whether a resource keeps it.</summary>
    public required Func<ResourceMetadata, bool> Holds { get; init; }
}
