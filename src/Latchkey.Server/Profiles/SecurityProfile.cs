namespace Latchkey.Server.Profiles;

/// <summary>A published set of rules that a client, or all of a server, keeps to. Each turns its requirements on and refuses settings that break them.</summary>
public enum SecurityProfile
{
    /// <summary>What the server always does: OAuth 2.1, with the few switches that a single client can be given for older software.</summary>
    None,

    /// <summary><c>oauth21</c>: OAuth 2.1 without those switches.</summary>
    OAuth21,

    /// <summary><c>fapi2-security</c>: FAPI 2.0 Security Profile.</summary>
    Fapi2Security,

    /// <summary><c>fapi2-message-signing</c>: FAPI 2.0 Message Signing, which adds to the Security Profile that requests and answers are signed.</summary>
    Fapi2MessageSigning,

    /// <summary><c>mcp</c>: the authorization of the Model Context Protocol.</summary>
    Mcp,
}

/// <summary>The names of profiles, and which includes which.</summary>
public static class SecurityProfiles
{
    private static readonly Dictionary<SecurityProfile, string> ByProfile = new()
    {
        [SecurityProfile.OAuth21] = "oauth21",
        [SecurityProfile.Fapi2Security] = "fapi2-security",
        [SecurityProfile.Fapi2MessageSigning] = "fapi2-message-signing",
        [SecurityProfile.Mcp] = "mcp",
    };

    /// <summary>The names that a client and the server can be given.</summary>
    public static IReadOnlyCollection<string> Names => ByProfile.Values;

    /// <summary>A profile's name; empty for none.</summary>
    public static string NameOf(SecurityProfile profile) => ByProfile.GetValueOrDefault(profile, "");

    /// <summary>The profile of a name.</summary>
    /// <param name="name">One of <see cref="Names"/>; null for none.</param>
    /// <param name="profile">The profile.</param>
    /// <returns>False if there is no such profile.</returns>
    public static bool TryParse(string? name, out SecurityProfile profile)
    {
        profile = SecurityProfile.None;
        if (name is null) return true;
        foreach (var (known, text) in ByProfile)
        {
            if (text != name) continue;
            profile = known;
            return true;
        }

        return false;
    }

    /// <summary>Whether the rules of one profile are among those of another.</summary>
    internal static bool Includes(SecurityProfile whole, SecurityProfile part) =>
        whole == part || (whole, part) switch
        {
            (SecurityProfile.None, _) => false,
            (_, SecurityProfile.OAuth21) => true,
            (SecurityProfile.Fapi2MessageSigning, SecurityProfile.Fapi2Security) => true,
            _ => false,
        };
}
