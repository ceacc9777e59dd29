using Latchkey.Server.Profiles;

namespace Latchkey.Cli.Doctor;

/// <summary>A rule for every server, whatever its profile.</summary>
/// <param name="Name">Its name in findings, which stays the same.</param>
/// <param name="Severity">How bad it is.</param>
/// <param name="Section">Where the rule stands, if it is not Latchkey's own.</param>
/// <param name="Find">What falls short.</param>
internal sealed record DoctorRule(string Name, Severity Severity, string? Section, Func<Examined, IEnumerable<Shortfall>> Find)
{
    /// <summary>All that falls short of the rule.</summary>
    public IEnumerable<Finding> Judge(Examined examined) =>
        Find(examined).Select(found => new Finding(Name, Severity, found.Subject, found.Setting, found.Says, Section, found.Mend, null));

    /// <summary>A rule about settings, which are looked at only if they were given.</summary>
    public static DoctorRule OfSettings(string name, Severity severity, string setting, string? section, Func<ServeSettings, Examined, bool> falls, string says, string mend) =>
        new(name, severity, section, examined => examined.Settings is { } settings && falls(settings, examined) ? [new Shortfall("settings", setting, says, mend)] : []);

    /// <summary>A rule about clients.</summary>
    public static DoctorRule OfClients(string name, Severity severity, string setting, string? section, Func<ExaminedClient, Examined, bool> falls, string says, string mend) =>
        new(name, severity, section, examined => examined.Clients.Where(client => falls(client, examined)).Select(client => new Shortfall(client.Subject, setting, says, mend)));
}

/// <summary>What falls short.</summary>
/// <param name="Subject">What it is about.</param>
/// <param name="Setting">Which setting or member decides it.</param>
/// <param name="Says">What is not so, as a clause.</param>
/// <param name="Mend">What to do, as a clause.</param>
internal sealed record Shortfall(string Subject, string? Setting, string Says, string Mend);
